"""Passwords: Argon2id with the OWASP's parameters, off the event loop.

NIST SP 800-63B: at least eight characters, no rules about which, none of those that everybody
tries first. A password is normalised (NFKC), so that two keyboards type the same one.
"""

import asyncio
import ctypes
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import CHEAPEST

from identity.reason import Reason
from identity.users.common_passwords import COMMON_PASSWORDS
from runtime.errors import FieldViolation, InvalidArgument, ResourceExhausted

LEAST_CHARACTERS = 8
MOST_BYTES = 1024
# 19 MiB, two passes, one lane: the OWASP's first choice where memory counts. Two at once keep the
# whole server below 100 MB.
MEMORY_KIB = 19 * 1024
PASSES = 2
AT_ONCE = 2
# The last of so many is served within seconds.
_MOST_UNFINISHED = 200
# Of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a password is right, and its new hash where the stored one has old parameters."""

    is_right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes and verifies, at most `AT_ONCE` at a time, each in a thread."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(PASSES, MEMORY_KIB, parallelism=1)
        _let_memory_go()
        self._pool = ThreadPoolExecutor(AT_ONCE, "argon2")
        self._unfinished = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return what is stored of a password that `check_password` accepts."""
        return await self._run(partial(self._hasher.hash, to_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Compare a password; where nothing is stored, take as long to say that it is wrong.

        ResourceExhausted where too many wait already.
        """
        return await self._run(partial(self._verify, stored, password))

    async def _run[T](self, work: Callable[[], T]) -> T:
        if self._unfinished >= _MOST_UNFINISHED:
            raise ResourceExhausted("too many log-ins at once", reason=Reason.TOO_MANY_LOG_INS)
        self._unfinished += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._unfinished -= 1

    def _verify(self, stored: str | None, password: str) -> Verified:
        plain = to_bytes(password)
        if len(plain) > MOST_BYTES:  # No such password is stored, whoever the user is.
            stored, plain = None, b""
        is_right = self._matches(stored or self._nobody(), plain) and stored is not None
        if is_right and stored is not None and self._hasher.check_needs_rehash(stored):
            return Verified(is_right=True, rehashed=self._hasher.hash(plain))
        return Verified(is_right)

    def _matches(self, stored: str, plain: bytes) -> bool:
        try:
            return self._hasher.verify(stored, plain)
        except VerificationError, InvalidHashError:
            return False

    def _nobody(self) -> str:
        """Return a hash with the same parameters that no password is verified against for real."""
        if self._nobodys is None:
            self._nobodys = self._hasher.hash(b"nobody's")
        return self._nobodys


def _let_memory_go() -> None:
    """Have glibc return large blocks to the system when they are freed.

    It would else learn from the first hash to keep 19 MiB for each thread. Fresh pages cost a hash
    a half more time, which a log-in can afford and the server's memory cannot. Other C libraries
    have no such function, nor that habit.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _LARGE)


def cheap_passwords() -> Passwords:
    """Return a hasher without strength, which says so: for tests of what is not the hash."""
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


def to_bytes(password: str) -> bytes:
    """Return the bytes that are hashed: the same for each way to type the same characters."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check_password(password: str, *known: str) -> None:
    """Raise InvalidArgument for a password that nobody should have.

    `known` is what an attacker knows of the user: it is no password for them.
    """
    normalised = unicodedata.normalize("NFKC", password)
    rule = None
    if len(normalised) < LEAST_CHARACTERS:
        rule = f"must have {LEAST_CHARACTERS} characters or more"
    elif len(to_bytes(password)) > MOST_BYTES:
        rule = f"must have {MOST_BYTES} bytes or fewer"
    elif _is_guessed_first(normalised.casefold(), known):
        rule = "is among the first that anybody tries"
    if rule is not None:
        raise InvalidArgument([FieldViolation("password", rule)], reason=Reason.PASSWORD_REFUSED)


def _is_guessed_first(folded: str, known: tuple[str, ...]) -> bool:
    is_known = folded in {word.casefold() for word in known}
    return is_known or folded in COMMON_PASSWORDS or len(set(folded)) == 1
