"""The file of a log-in: for its owner alone, replaced as a whole, changed by one at a time."""

import asyncio
import fcntl
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.bodega.failure import LOG_IN, Failure

_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 20.0


class AccessToken(BaseModel):
    """A token for one of the shop's servers, when it was made and when it ends (Unix time)."""

    model_config = ConfigDict(frozen=True)

    token: str = Field(repr=False)
    made: float
    end: float


class Login(BaseModel):
    """Who is logged in where. A user has a refresh token, a client the file of its secret."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    client_id: str
    name: str
    scope: str
    secret_file: Path | None = None
    refresh_token: str | None = Field(default=None, repr=False)
    access_tokens: Mapping[str, AccessToken] = Field(default_factory=dict)


class LoginFile:
    """One profile's file, in a folder that is made when it is needed."""

    def __init__(self, folder: Path, profile: str) -> None:
        self.profile = profile
        self.path = folder / f"{profile}.json"
        self._lock = folder / f"{profile}.lock"

    def read(self) -> Login | None:
        """Return the log-in, None where there is none. Failure where it cannot be used."""
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.path, error) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            message = f"{self.path}: others may read your tokens"
            raise Failure(message, "LOGIN_FILE", f"Use: chmod 600 {self.path}")
        try:
            return Login.model_validate_json(text)
        except ValidationError as error:
            message = f"{self.path}: this is no log-in of this program"
            raise Failure(message, "LOGIN_FILE", f"Remove the file. {LOG_IN}") from error

    def write(self, login: Login) -> None:
        """Replace the log-in: whoever reads finds the old one or the new one, whole."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile(  # Made with mode 0600.
                dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
            ) as file:
                file.write(login.model_dump_json().encode())
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self.path)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def delete(self) -> None:
        """Forget the log-in."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(self.path, error) from error

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Be the only process that changes the file. Failure where another never ends."""
        try:
            self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._lock, error) from error
        try:
            await self._take(handle)
            yield
        finally:
            os.close(handle)  # It ends the lock, as the end of the process would.

    async def _take(self, handle: int) -> None:
        """Take the lock. A thread that waits for it would hold up the answer to Ctrl-C."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    try:
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        await asyncio.sleep(_POLL_SECONDS)
                    else:
                        return
        except TimeoutError as error:
            message = f"{self._lock}: another bodega has held the log-in for {_PATIENCE_SECONDS:g}s"
            raise Failure(message, "LOGIN_LOCKED", "End it, and try again.") from error


def _unusable(path: Path, error: OSError) -> Failure:
    reason = (error.strerror or str(error)).lower()
    return Failure(f"{path}: {reason}", "LOGIN_FILE", "--state names another folder.")
