"""Commands about who is at the terminal."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import shtab

from runtime.auth.issuer import IssuerError
from runtime.state_folder import state_folder
from tools.bodega.command import Arguments, Command, Parser, no_arguments
from tools.bodega.login.device import wait_for_user
from tools.bodega.login.login_file import Login
from tools.bodega.login.oauth import DeviceCode, OAuth, OAuthError
from tools.bodega.login.server_tokens import read_client_secret, refusal
from tools.bodega.screen import Output
from tools.bodega.session import CART, Session
from tools.bodega.tables import details, plain

CLIENT_ID = "bodega-cli"
SCOPE = "openid profile email offline_access carts"


async def _login(session: Session, arguments: Arguments) -> Output:
    oauth = session.oauth()
    if arguments.client_id is None:
        login = await _as_user(session, oauth, arguments)
    else:
        login = await _as_client(oauth, arguments)
    async with session.login_file.locked():
        before = session.login_file.read()
        session.login_file.write(login)
    if before is not None:
        with suppress(IssuerError, OAuthError):  # It ends by itself where nobody uses it.
            await _revoke(session, before)
    return Output(_data(login, {}), plain(f"Logged in as {login.name}."))


async def _revoke(session: Session, login: Login) -> None:
    if login.refresh_token is not None:
        await session.oauth(login).revoke(login.client_id, login.refresh_token)


async def _as_user(session: Session, oauth: OAuth, arguments: Arguments) -> Login:
    code = await oauth.start_device(CLIENT_ID, arguments.scope)
    session.screen.event(_invitation(code))
    session.screen.note(f"Waiting for {code.expires_in / 60:.0f} minutes; Ctrl-C gives up.")
    granted = await wait_for_user(oauth, CLIENT_ID, code, CART)
    claims = await oauth.userinfo(granted.access_token)
    return Login(
        issuer=oauth.issuer.url,
        client_id=CLIENT_ID,
        name=_name(claims),
        scope=arguments.scope,
        refresh_token=granted.refresh_token,
        access_tokens={CART: granted.access_token},
    )


def _invitation(code: DeviceCode) -> Output:
    data = {
        "verification_uri": code.verification_uri,
        "verification_uri_complete": code.verification_uri_complete,
        "user_code": code.user_code,
        "expires_in": code.expires_in,
    }
    complete = code.verification_uri_complete or ""
    pairs = [("Open", code.verification_uri), ("Code", code.user_code), ("Or open", complete)]
    return Output(data, details(pairs))


async def _as_client(oauth: OAuth, arguments: Arguments) -> Login:
    return await _with_scope(
        oauth,
        Login(
            issuer=oauth.issuer.url,
            client_id=arguments.client_id,
            name=arguments.client_id,
            scope="",
            secret_file=_secret_file(arguments),
        ),
    )


async def _with_scope(oauth: OAuth, login: Login) -> Login:
    """Ask what the client may do, which proves that its secret is good."""
    secret = read_client_secret(login.secret_file)
    try:
        granted = await oauth.client_credentials(login.client_id, secret)
    except OAuthError as error:
        raise refusal(login, error) from error
    return login.model_copy(update={"scope": granted.scope})


def _secret_file(arguments: Arguments) -> Path:
    """Return the file of the secret: the one named, else where the identity server makes them."""
    named: Path | None = arguments.secret_file
    if named is None:
        return state_folder() / "clients" / f"{arguments.client_id}.secret"
    return named.absolute()


async def _logout(session: Session, _arguments: Arguments) -> Output:
    async with session.login_file.locked():
        login = session.login_file.read()
        if login is None:
            return Output({"logged_out": False}, plain("You were not logged in."))
        await _revoke(session, login)
        session.login_file.delete()
    return Output({"logged_out": True}, plain(f"{login.name} is logged out."))


async def _whoami(session: Session, _arguments: Arguments) -> Output:
    login = session.login()
    oauth = session.oauth(login)
    if login.secret_file is not None:
        return _who(await _with_scope(oauth, login), {})
    return _who(login, await _claims(session, login, oauth))


async def _claims(session: Session, login: Login, oauth: OAuth) -> Mapping[str, object]:
    """Ask who the user is; a token that is good by our clock may have been revoked."""
    tokens = session.user_tokens(login, CART)
    token = await tokens.current()
    try:
        return await oauth.userinfo(token)
    except OAuthError as error:
        if error.error != "invalid_token" or not tokens.drop(token.token):
            raise
    return await oauth.userinfo(await tokens.current())


def _who(login: Login, claims: Mapping[str, object]) -> Output:
    pairs = [
        ("Name", _name(claims) if claims else login.name),
        ("E-mail", str(claims.get("email", ""))),
        ("Subject", str(claims.get("sub", login.name))),
        ("Client", login.client_id),
        ("Issuer", login.issuer),
        ("Scope", login.scope),
        ("Secret", str(login.secret_file or "")),
    ]
    return Output(_data(login, claims), details(pairs))


def _data(login: Login, claims: Mapping[str, object]) -> dict[str, object]:
    return {
        "name": _name(claims) if claims else login.name,
        "issuer": login.issuer,
        "client_id": login.client_id,
        "scope": login.scope,
        "claims": dict(claims),
    }


def _name(claims: Mapping[str, object]) -> str:
    return str(claims.get("preferred_username") or claims.get("sub"))


def _add_login(parser: Parser) -> None:
    parser.add_argument(
        "--scope", default=SCOPE, metavar="TEXT", help=f"what to ask you for [default {SCOPE}]"
    )
    parser.add_argument(
        "--client-id",
        default=None,
        metavar="ID",
        help="log in as a client of the shop with a secret, such as operator, not as yourself",
    )
    file = parser.add_argument(
        "--secret-file",
        default=None,
        type=Path,
        metavar="FILE",
        help="the client's secret, which nobody else may read; unset: where the identity server"
        " puts those that it makes, clients/ID.secret in its data folder",
    )
    file.complete = shtab.FILE  # type: ignore[attr-defined]


COMMANDS = (
    Command(
        ("login",),
        "log in",
        _add_login,
        _login,
        "You allow it in a browser, on this machine or another. The tokens are kept in a file for"
        " you alone, and renewed as long as you use them at least every two weeks.",
    ),
    Command(("logout",), "log out, and revoke the tokens", no_arguments, _logout),
    Command(("whoami",), "say who is logged in, and whether still", no_arguments, _whoami),
)
