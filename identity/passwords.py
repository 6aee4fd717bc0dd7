"""Passwords: Argon2id with the OWASP's parameters, off the event loop.

NIST SP 800-63B: at least eight characters, no rules about which, none of those that everybody
tries first. A password is normalised (NFKC), so that two keyboards type the same one.
"""

import asyncio
import unicodedata
from dataclasses import dataclass
from functools import partial

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import CHEAPEST

from identity.common_passwords import COMMON_PASSWORDS
from runtime.errors import FieldViolation, InvalidArgument

LEAST_CHARACTERS = 8
MOST_BYTES = 1024
# 19 MiB, two passes, one lane: the OWASP's first choice where memory counts. Two at once keep the
# whole server below 100 MB.
MEMORY_KIB = 19 * 1024
PASSES = 2
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a password is right, and its new hash where the stored one has old parameters."""

    is_right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes and verifies, at most `AT_ONCE` at a time, each in a thread."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher(PASSES, MEMORY_KIB, parallelism=1)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Return what is stored of a password that `check_password` accepts."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, to_bytes(password))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Compare a password; where nothing is stored, take as long to say that it is wrong."""
        async with self._turn:
            return await asyncio.to_thread(partial(self._verify, stored, password))

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
        raise InvalidArgument([FieldViolation("password", rule)], reason="PASSWORD_REFUSED")


def _is_guessed_first(folded: str, known: tuple[str, ...]) -> bool:
    is_known = folded in {word.casefold() for word in known}
    return is_known or folded in COMMON_PASSWORDS or len(set(folded)) == 1
