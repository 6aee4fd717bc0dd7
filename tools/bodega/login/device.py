"""Waiting until the user has allowed the log-in elsewhere (RFC 8628 §3.5)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from runtime.auth.issuer import IssuerError
from tools.bodega.failure import Exit, Failure
from tools.bodega.login.oauth import DeviceCode, Granted, OAuth, OAuthError

SLOW_DOWN_SECONDS = 5.0

_ENDINGS = {
    "access_denied": "the log-in was denied",
    "expired_token": "nobody allowed the log-in in time",
}


async def wait_for_user(
    oauth: OAuth,
    client_id: str,
    code: DeviceCode,
    resource: str,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Granted:
    """Poll until the user has decided. Failure where they deny it, or the code has expired.

    Told to slow down, every wait is five seconds longer from then on; where the issuer does not
    answer, twice as long.
    """
    end, interval = monotonic() + code.expires_in, code.interval
    while monotonic() + interval < end:
        await sleep(interval)
        try:
            return await oauth.poll_device(client_id, code.device_code, resource)
        except OAuthError as error:
            if error.error in _ENDINGS:
                raise _ended(error.error) from error
            if error.error == "slow_down":
                interval += SLOW_DOWN_SECONDS
            elif error.error != "authorization_pending":
                raise
        except IssuerError:
            interval *= 2
    raise _ended("expired_token")


def _ended(error: str) -> Failure:
    again = "Begin again: bodega login"
    return Failure(_ENDINGS[error], error.upper(), again, Exit.NOT_LOGGED_IN)
