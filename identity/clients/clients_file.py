"""clients.toml: the resources and clients that an identity server is to have, as text."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from identity.audit import Outcome, audit
from identity.clients.client import Client, parse_client
from identity.clients.client_secrets import LEAST_CHARACTERS
from identity.clients.clients import Change, Clients
from identity.clients.resources import OIDC_SCOPES, Resource, Resources
from identity.keys.private_files import ensure_private, read_private
from identity.secrets import new_secret
from identity.settings import StoreSettings
from runtime.errors import DomainError, InvalidArgument
from runtime.main import StartError

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,100}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A client of the file, and where its secret is: in a file of its own, if anywhere."""

    client: Client
    generate_secret: bool
    secret_file: Path | None


@dataclass(frozen=True, slots=True)
class ClientsFile:
    """What a clients.toml says."""

    resources: Resources
    entries: tuple[Entry, ...]


def load_clients_file(path: Path | None) -> ClientsFile:
    """Read and check a file, None for the shop's; StartError with all that is wrong in it."""
    if path is None:
        with as_file(files("identity").joinpath("clients.toml")) as shipped:
            return _load(shipped)
    return _load(path)


async def apply_clients_file(settings: StoreSettings, clients: Clients) -> Resources:
    """Register the clients of the file, give them their secrets, and return the resources.

    Any number of times, and by any number of replicas at once, the result is the same: what the
    file says. A client that came from the file and is in it no more is deleted. A secret's file
    that is there already is taken, so that a data folder may be kept or restored; where it is
    missing it is made, whole, before the database knows of it.
    """
    file = load_clients_file(settings.clients)
    secrets = {
        entry.client.client_id: _secret(entry, settings.data)
        for entry in file.entries
        if entry.generate_secret or entry.secret_file
    }
    try:
        await _register(file, clients)
        for client_id, secret in secrets.items():
            if await clients.add_secret(client_id, secret) is not None:
                audit("client.secret.add", Outcome.SUCCESS, client_id=client_id, source="file")
    except DomainError as error:
        raise StartError(f"--clients: {error}") from error
    return file.resources


def secret_path(data: Path, client_id: str) -> Path:
    """Return where a client's generated secret is."""
    return data / "clients" / f"{client_id}.secret"


async def _register(file: ClientsFile, clients: Clients) -> None:
    changes, deleted = await clients.replace_source(
        [entry.client for entry in file.entries], source="file"
    )
    for client_id, change in changes.items():
        if change is not Change.UNCHANGED:
            event = "client.create" if change is Change.CREATED else "client.update"
            audit(event, Outcome.SUCCESS, client_id=client_id, source="file")
    for client_id in deleted:
        audit("client.delete", Outcome.SUCCESS, client_id=client_id, source="file")


def _secret(entry: Entry, data: Path) -> str:
    if entry.secret_file is not None:
        return _checked_secret(entry.secret_file, read_private(entry.secret_file))
    return read_or_make_secret(secret_path(data, entry.client.client_id))


def read_or_make_secret(path: Path) -> str:
    """Return the secret of a file, which is made with a new one where it is missing."""
    text, _ = ensure_private(path, lambda: new_secret() + "\n")
    return _checked_secret(path, text)


def _checked_secret(path: Path, text: str) -> str:
    secret = text.strip()
    if len(secret) < LEAST_CHARACTERS or not secret.isascii() or not secret.isprintable():
        raise StartError(
            f"{path}: must hold a secret of {LEAST_CHARACTERS} random characters or more in one"
            " line; make one with: openssl rand -base64 32"
        )
    return secret


def _load(path: Path) -> ClientsFile:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise StartError(f"--clients: {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartError(f"--clients: {path}: is no TOML: {error}") from error
    reader = _Reader(path.parent)
    found = reader.read(content)
    if reader.problems:
        raise StartError("\n".join(f"--clients: {path}: {each}" for each in reader.problems))
    return found


class _Reader:
    """Reads all of a file and collects what is wrong, so that it can be mended in one go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []

    def read(self, content: Mapping[str, Any]) -> ClientsFile:
        for name in sorted(set(content) - {"resource", "client"}):
            self.problems.append(f"{name}: only [[resource]] and [[client]] are known here")
        resources = self._resources(content)
        entries = tuple(self._entries(content, resources))
        self._refuse_repeated("client", [entry.client.client_id for entry in entries])
        return ClientsFile(resources, entries)

    def _tables(self, content: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
        tables = content.get(name, [])
        if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
            yield from tables
        else:
            self.problems.append(f"{name}: must be written as [[{name}]]")

    def _resources(self, content: Mapping[str, Any]) -> Resources:
        found = [self._resource(table) for table in self._tables(content, "resource")]
        self._refuse_repeated("resource", [resource.uri for resource in found])
        self._refuse_repeated("scope", [scope for each in found for scope in each.scopes])
        return Resources(found)

    def _resource(self, table: dict[str, Any]) -> Resource:
        uri, name, scopes = table.get("uri"), table.get("name"), table.get("scopes")
        where = f"resource {uri if isinstance(uri, str) else '?'}"
        for rule in _broken_rules(table):
            self.problems.append(f"{where}: {rule}")
        return Resource(str(uri), str(name), scopes if isinstance(scopes, dict) else {})

    def _entries(self, content: Mapping[str, Any], resources: Resources) -> Iterator[Entry]:
        for table in self._tables(content, "client"):
            where = f"client {table.get('client_id', '?')}"
            generate = table.pop("generate_secret", False)
            secret_file = table.pop("secret_file", None)
            try:
                client = parse_client(table, resources)
            except InvalidArgument as error:
                self.problems += [f"{where}: {violation}" for violation in error.violations]
                continue
            rule = _broken_secret_rule(client, generate, secret_file)
            if rule is not None:
                self.problems.append(f"{where}: {rule}")
                continue
            yield Entry(client, generate, self._folder / secret_file if secret_file else None)

    def _refuse_repeated(self, kind: str, names: list[str]) -> None:
        repeated = sorted({name for name in names if names.count(name) > 1})
        self.problems += [f"{kind} {name}: is there twice" for name in repeated]


def _broken_rules(table: Mapping[str, Any]) -> Iterator[str]:
    uri, name, scopes = table.get("uri"), table.get("name"), table.get("scopes")
    for member in sorted(set(table) - {"uri", "name", "scopes"}):
        yield f"{member}: is no member of a resource"
    if not isinstance(uri, str) or not _URI.fullmatch(uri) or len(uri) > 200:
        yield "uri: must be an absolute URI without a fragment (RFC 8707 §2)"
    if not isinstance(name, str) or not name.isprintable() or not name.strip():
        yield "name: must be a name for people"
    if not isinstance(scopes, dict) or not scopes:
        yield "scopes: must be a table of scopes, and what each allows in words for people"
        return
    for scope, text in scopes.items():
        if not _SCOPE.fullmatch(scope) or scope in OIDC_SCOPES:
            yield f"scopes.{scope}: must be a scope name (RFC 6749 §3.3), not OpenID Connect's"
        if not isinstance(text, str) or not text.isprintable() or not text.strip():
            yield f"scopes.{scope}: must say what it allows, in words for people"


def _broken_secret_rule(client: Client, generate: object, secret_file: object) -> str | None:
    if not isinstance(generate, bool):
        return "generate_secret: must be true or false"
    if secret_file is not None and not (isinstance(secret_file, str) and secret_file):
        return "secret_file: must be a path"
    if generate and secret_file:
        return "secret_file: not beside generate_secret"
    if (generate or secret_file) and not client.has_secrets:
        method = client.token_endpoint_auth_method
        member = "generate_secret" if generate else "secret_file"
        return f"{member}: token_endpoint_auth_method {method} uses no secret"
    return None
