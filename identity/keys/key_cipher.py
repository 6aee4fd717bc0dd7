"""Encrypts private keys at rest, and derives the server's other keys."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from identity.keys.private_files import ensure_private, read_private
from identity.settings import StoreSettings
from runtime.main import StartError

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_HEADER_BYTES = len(_VERSION) + _KEY_ID_BYTES


class CannotDecryptError(Exception):
    """What is stored was encrypted under another key, or is damaged; the text says which."""


class KeyCipher:
    """AES-256-GCM under the first of the keys; what any of them encrypted is decrypted.

    A ciphertext is: version 1 (1 byte), key id (4), nonce (12), AES-GCM's output. The context that
    is given, version and key id are authenticated with it, so no row's ciphertext passes for
    another's.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._first = keys[0]
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self.key_id = _key_id(keys[0]).hex()

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        """Return the ciphertext of `plain`, good with the same context alone."""
        key_id = bytes.fromhex(self.key_id)
        header = _VERSION + key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return header + nonce + self._ciphers[key_id].encrypt(nonce, plain, header + context)

    def decrypt(self, encrypted: bytes, context: bytes) -> bytes:
        """Return what was encrypted; raise CannotDecryptError."""
        header, rest = encrypted[:_HEADER_BYTES], encrypted[_HEADER_BYTES:]
        if len(rest) < _NONCE_BYTES or header[:1] != _VERSION:
            raise CannotDecryptError("is no ciphertext of a version known here")
        cipher = self._ciphers.get(header[1:])
        if cipher is None:
            known = ", ".join(key_id.hex() for key_id in self._ciphers)
            raise CannotDecryptError(f"was encrypted under key {header[1:].hex()}, not {known}")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + context)
        except InvalidTag:
            raise CannotDecryptError("is damaged, or was put where it does not belong") from None

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for a purpose ("refresh", "csrf"): HKDF-SHA256 of the first key."""
        return _derive(self._first, purpose)


def encrypted_under(encrypted: bytes) -> str:
    """Return the id of the key that something was encrypted under."""
    return encrypted[len(_VERSION) : _HEADER_BYTES].hex()


def open_cipher(settings: StoreSettings) -> KeyCipher:
    """Read the encryption keys; where no file is named, make identity.key in the data folder.

    StartError where the file is missing, open to others, or does not hold keys.
    """
    path = settings.encryption_key_file
    if path is not None:
        text = read_private(path)
    else:
        path = settings.data / "identity.key"
        text, _ = ensure_private(path, _new_key)
    return KeyCipher(_parse(path, text))


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode() + "\n"


def _parse(path: Path, text: str) -> list[bytes]:
    """Return the keys, one a line; empty lines and those that begin with # are left out."""
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        raise StartError(f"{path}: holds no key; make one with: openssl rand -base64 32")
    return [_parse_line(path, number, line) for number, line in lines]


def _parse_line(path: Path, number: int, line: str) -> bytes:
    try:
        key = base64.b64decode(line, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise StartError(
            f"{path}: line {number} is not 32 bytes in base64; make them with:"
            " openssl rand -base64 32"
        )
    return key


def _key_id(key: bytes) -> bytes:
    return _derive(key, "key id")[:_KEY_ID_BYTES]


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"bodega identity {purpose}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(key)
