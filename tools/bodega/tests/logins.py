"""Logging in without a browser."""

from pathlib import Path

from runtime.auth.issuer import Issuer
from tools.bodega.commands.login import CLIENT_ID, SCOPE
from tools.bodega.login.login_file import AccessToken, Login, LoginFile
from tools.bodega.login.oauth import OAuth
from tools.bodega.session import CART
from tools.bodega.tests.identity_server import Identity


async def log_in(identity: Identity, state: Path, profile: str = "default") -> Login:
    """Let the user allow the log-in, and store it; its access token has expired already."""
    oauth = OAuth(Issuer(identity.url))
    code = await oauth.start_device(CLIENT_ID, SCOPE)
    await identity.allow(code.user_code)
    granted = await oauth.poll_device(CLIENT_ID, code.device_code, CART)
    login = Login(
        issuer=identity.url,
        client_id=CLIENT_ID,
        name=identity.user.username,
        scope=SCOPE,
        refresh_token=granted.refresh_token,
        access_tokens={CART: AccessToken(token=granted.access_token.token, made=0, end=0)},
    )
    LoginFile(state, profile).write(login)
    return login
