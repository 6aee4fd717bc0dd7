"""Commands about clients."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from identity.audit import Outcome, audit
from identity.clients.client import DEVICE_CODE, Client, parse_client, to_metadata
from identity.clients.client_secrets import Secret
from identity.clients.clients import Change, Registered
from identity.clients.clients_file import load_clients_file
from identity.commands.command import (
    Admin,
    Arguments,
    Command,
    Output,
    duration,
    no_arguments,
    shown,
    table,
)
from identity.commands.secrets import create_secret
from identity.keys.algorithms import ALGORITHMS
from identity.keys.key_lifecycle import micros
from identity.reason import Reason
from runtime.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
)

_SHORT_GRANT_TYPES = {"device_code": DEVICE_CODE}
_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
# Flags that take one value, several, or are yes or no: their members and help.
_TEXTS: Mapping[str, str] = {
    "client_name": "what users read on the consent page",
    "scope": "what it may ask for, with spaces between",
    "backchannel_logout_uri": "where logout tokens are sent",
}
_CHOICES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "application_type": (("web", "native"), "native may redirect to a loopback address"),
    "token_endpoint_auth_method": (_METHODS, "how it proves who it is; default: by a secret"),
    "id_token_signed_response_alg": (ALGORITHMS, "of its ID tokens, instead of the server's"),
}
_LISTS: Mapping[str, tuple[str, str, str]] = {
    "grant_types": ("--grant-type", "TYPE", "may be given several times; device_code is short"),
    "redirect_uris": ("--redirect-uri", "URI", "may be given several times"),
    "post_logout_redirect_uris": (
        "--post-logout-redirect-uri",
        "URI",
        "may be given several times",
    ),
}
_SWITCHES: Mapping[str, str] = {
    "backchannel_logout_session_required": "its logout tokens must name the session",
    "require_pushed_authorization_requests": "it must push its requests first (RFC 9126)",
    "dpop_bound_access_tokens": "its tokens are always bound to a key (RFC 9449)",
    "trusted": "its users are not asked to consent",
    "may_introspect": "it may introspect every token, as an API does",
}
_MEMBERS = (*_TEXTS, *_CHOICES, *_LISTS, *_SWITCHES, "jwks")


async def _create(admin: Admin, arguments: Arguments) -> Output:
    wanted = _parse(admin, {"client_id": arguments.client_id, **_given(arguments)})
    found = await admin.clients.read(wanted.client_id)
    if found is not None and found.client != wanted:
        message = f"{wanted.client_id}: is there with other metadata; change it with: client update"
        raise AlreadyExists(message, reason=Reason.CLIENT_DIFFERS)
    if found is not None:
        return _output(found.client, Change.UNCHANGED)
    change = await admin.clients.put(wanted, source="admin")
    audit("client.create", Outcome.SUCCESS, client_id=wanted.client_id, source="admin")
    secret = None
    if wanted.has_secrets and not arguments.no_secret:
        secret = await create_secret(admin, wanted.client_id, file=arguments.secret_file)
    return _output(wanted, change, secret)


async def _update(admin: Admin, arguments: Arguments) -> Output:
    found = await _registered(admin, arguments.client_id)
    if found.source == "file":
        message = f"{arguments.client_id}: comes from clients.toml, and must be changed there"
        raise FailedPrecondition(message, reason=Reason.CLIENT_FROM_FILE)
    kept = {
        name: value
        for name, value in to_metadata(found.client).items()
        if name not in (arguments.unset or ())
    }
    wanted = _parse(admin, {**kept, **_given(arguments)})
    change = await admin.clients.put(wanted, source="admin")
    if change is not Change.UNCHANGED:
        audit("client.update", Outcome.SUCCESS, client_id=wanted.client_id, source="admin")
    return _output(wanted, change)


async def _show(admin: Admin, arguments: Arguments) -> Output:
    found = await _registered(admin, arguments.client_id)
    secrets = await admin.clients.secrets(arguments.client_id)
    data = {
        **to_metadata(found.client),
        "source": found.source,
        "create_time": shown(found.create_time),
        "update_time": shown(found.update_time),
        "secrets": [_secret_data(secret) for secret in secrets],
    }
    return Output(data, json.dumps(data, indent=2, ensure_ascii=False))


async def _list(admin: Admin, _arguments: Arguments) -> Output:
    found = await admin.clients.all()
    rows = [
        (
            each.client.client_id,
            each.client.client_name,
            each.source,
            each.client.token_endpoint_auth_method,
            each.client.scope,
        )
        for each in found
    ]
    data = [{**to_metadata(each.client), "source": each.source} for each in found]
    return Output(data, table(("CLIENT", "NAME", "SOURCE", "AUTHENTICATION", "SCOPE"), rows))


async def _delete(admin: Admin, arguments: Arguments) -> Output:
    found = await admin.clients.read(arguments.client_id)
    if found is not None and found.source == "file":
        message = f"{arguments.client_id}: comes from clients.toml, and must be taken out there"
        raise FailedPrecondition(message, reason=Reason.CLIENT_FROM_FILE)
    deleted = await admin.clients.delete(arguments.client_id)
    if deleted:
        audit("client.delete", Outcome.SUCCESS, client_id=arguments.client_id, source="admin")
    data = {"client_id": arguments.client_id, "deleted": deleted}
    return Output(data, f"{arguments.client_id}: {'deleted' if deleted else 'was not there'}")


async def _secret_add(admin: Admin, arguments: Arguments) -> Output:
    found = await _registered(admin, arguments.client_id)
    if not found.client.has_secrets:
        method = found.client.token_endpoint_auth_method
        message = f"{arguments.client_id}: authenticates by {method}, which uses no secret"
        raise FailedPrecondition(message, reason=Reason.NO_SECRETS)
    now = admin.clock()
    secret = await create_secret(
        admin,
        arguments.client_id,
        file=arguments.secret_file,
        expire_time=now + micros(arguments.expires_in) if arguments.expires_in else None,
        others_expire=(
            None if arguments.others_expire_in is None else now + micros(arguments.others_expire_in)
        ),
    )
    return _secret_output(arguments.client_id, secret)


async def _secret_list(admin: Admin, arguments: Arguments) -> Output:
    await _registered(admin, arguments.client_id)
    data = [_secret_data(each) for each in await admin.clients.secrets(arguments.client_id)]
    rows = [tuple(each.values()) for each in data]
    return Output(data, table(("SECRET", "MADE", "EXPIRES"), rows))


async def _secret_remove(admin: Admin, arguments: Arguments) -> Output:
    removed = await admin.clients.remove_secret(arguments.client_id, arguments.secret_id)
    if removed:
        audit("client.secret.remove", Outcome.SUCCESS, client_id=arguments.client_id)
    data = {"client_id": arguments.client_id, "secret_id": arguments.secret_id, "removed": removed}
    return Output(data, f"{arguments.secret_id}: {'removed' if removed else 'was not there'}")


async def _registered(admin: Admin, client_id: str) -> Registered:
    found = await admin.clients.read(client_id)
    if found is None:
        raise NotFound(f"{client_id}: there is no such client", reason=Reason.CLIENT_NOT_FOUND)
    return found


def _parse(admin: Admin, metadata: Mapping[str, object]) -> Client:
    return parse_client(metadata, load_clients_file(admin.settings.clients).resources)


def _given(arguments: Arguments) -> dict[str, object]:
    """Return the members that flags were given for."""
    given: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in _MEMBERS
        if getattr(arguments, name, None) is not None
    }
    if "grant_types" in given:
        given["grant_types"] = [_SHORT_GRANT_TYPES.get(each, each) for each in given["grant_types"]]
    if "jwks" in given:
        given["jwks"] = _read_jwks(given["jwks"])
    return given


def _read_jwks(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidArgument([FieldViolation("jwks", f"{path}: {error}")]) from error


def _output(client: Client, change: Change, secret: str | None = None) -> Output:
    data = {**to_metadata(client), "change": str(change)}
    text = f"{client.client_id}: {change}"
    if secret is not None:
        data["client_secret"] = secret
        text += f"\n{_SHOWN_ONCE}\n{secret}"
    return Output(data, text)


def _secret_output(client_id: str, secret: str | None) -> Output:
    if secret is None:
        return Output({"client_id": client_id}, f"{client_id}: the secret is in its file")
    data = {"client_id": client_id, "client_secret": secret}
    return Output(data, f"{_SHOWN_ONCE}\n{secret}")


def _secret_data(secret: Secret) -> dict[str, str | None]:
    return {
        "secret_id": secret.secret_id,
        "create_time": shown(secret.create_time),
        "expire_time": shown(secret.expire_time),
    }


_SHOWN_ONCE = "its secret, which is shown this once and stored as a digest alone:"


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client_id", metavar="ID", help="client_id")


def _add_metadata(parser: argparse.ArgumentParser) -> None:
    _add_id(parser)
    group = parser.add_argument_group("metadata (RFC 7591)")
    for name, (flag, metavar, text) in _LISTS.items():
        group.add_argument(
            flag, dest=name, action="append", default=None, metavar=metavar, help=text
        )
    for name, text in _TEXTS.items():
        group.add_argument(_flag(name), default=None, metavar="TEXT", help=text)
    for name, (choices, text) in _CHOICES.items():
        group.add_argument(_flag(name), default=None, choices=choices, help=text)
    for name, text in _SWITCHES.items():
        group.add_argument(
            _flag(name), default=None, action=argparse.BooleanOptionalAction, help=text
        )
    group.add_argument(
        "--jwks", default=None, type=Path, metavar="FILE", help="its public keys, as a JWK set"
    )


def _add_create(parser: argparse.ArgumentParser) -> None:
    _add_metadata(parser)
    parser.add_argument("--no-secret", action="store_true", default=False, help="make no secret")
    _add_secret_file(parser)


def _add_update(parser: argparse.ArgumentParser) -> None:
    _add_metadata(parser)
    parser.add_argument(
        "--unset",
        action="append",
        default=None,
        choices=_MEMBERS,
        metavar="MEMBER",
        help="back to the default; members are named as in RFC 7591, for example redirect_uris",
    )


def _add_secret_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--secret-file",
        default=None,
        type=Path,
        metavar="FILE",
        help="take the secret in there, or make the file with one in it; nothing is printed",
    )


def _add_secret_add(parser: argparse.ArgumentParser) -> None:
    _add_id(parser)
    _add_secret_file(parser)
    parser.add_argument(
        "--expires-in", default=None, type=duration, metavar="DURATION", help="when it ends"
    )
    parser.add_argument(
        "--others-expire-in",
        default=None,
        type=duration,
        metavar="DURATION",
        help="when the secrets that the client has until now end; 0s: at once",
    )


def _add_secret_remove(parser: argparse.ArgumentParser) -> None:
    _add_id(parser)
    parser.add_argument("secret_id", metavar="SECRET", help="as `client secret list` names it")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


COMMANDS = (
    Command(
        ("client", "create"),
        "register a client, and print its secret once",
        _add_create,
        _create,
        "Where the client is there with the same metadata, nothing is changed and no secret made.",
    ),
    Command(
        ("client", "update"),
        "change what is registered of a client",
        _add_update,
        _update,
        "A list that is given takes the place of the one before.",
    ),
    Command(("client", "show"), "print a client", _add_id, _show),
    Command(("client", "list"), "print all clients", no_arguments, _list),
    Command(
        ("client", "delete"),
        "delete a client with its secrets, and revoke its grants",
        _add_id,
        _delete,
    ),
    Command(
        ("client", "secret", "add"),
        "give a client one more secret, and print it once",
        _add_secret_add,
        _secret_add,
        "To change a secret without a gap: add one with --others-expire-in 1d, give it to the"
        " client, and let the old one end.",
    ),
    Command(("client", "secret", "list"), "print when secrets end", _add_id, _secret_list),
    Command(("client", "secret", "remove"), "remove a secret", _add_secret_remove, _secret_remove),
)
