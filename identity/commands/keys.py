"""Commands about signing keys."""

import argparse

from identity.audit import Outcome, audit
from identity.commands.command import Admin, Arguments, Command, Output, no_arguments, shown, table
from identity.keys.algorithms import ALGORITHMS, Algorithm
from identity.keys.key_cipher import CannotDecryptError, KeyCipher, encrypted_under, open_cipher
from identity.keys.key_lifecycle import Lifecycle, StoredKey, lifecycle_of, newest_key
from identity.keys.key_rotation import KeyRotation
from identity.keys.key_store import KeyStore
from identity.reason import Reason
from runtime.clock import Micros
from runtime.errors import NotFound
from runtime.main import StartError


async def _list(admin: Admin, _arguments: Arguments) -> Output:
    keys = (await KeyStore(admin.database).read()).keys
    lifecycle, now = lifecycle_of(admin.settings), admin.clock()
    data = [_data(key, keys, lifecycle, now) for key in keys]
    rows = [tuple(each.values()) for each in data]
    heads = ("KEY", "ALGORITHM", "NUMBER", "STATE", "ANNOUNCED", "SIGNS", "RETIRES", "ENCRYPTED BY")
    return Output(data, table(heads, rows))


async def _rotate(admin: Admin, arguments: Arguments) -> Output:
    algorithm: Algorithm = arguments.algorithm or admin.settings.signing_algorithm
    store = KeyStore(admin.database)
    rotation = _rotation(admin, store, (await store.read()).keys)
    await rotation.rotate(algorithm, at_once=arguments.at_once)
    keys = (await store.read()).keys
    newest = newest_key(algorithm, keys)
    if newest is None:
        raise NotFound(f"there is no {algorithm} key", reason=Reason.NO_SIGNING_KEY)
    data = _data(newest, keys, lifecycle_of(admin.settings), admin.clock())
    return Output(data, f"{newest.kid}: signs from {shown(newest.sign_time)}")


async def _delete(admin: Admin, arguments: Arguments) -> Output:
    store = KeyStore(admin.database)
    keys = (await store.read()).keys
    rotation = _rotation(admin, store, keys)
    found = next((key for key in keys if key.kid == arguments.kid), None)
    if found is not None and found == _signing(found.algorithm, keys, admin.clock()):
        await rotation.rotate(found.algorithm, at_once=True)
    deleted = bool(await rotation.delete([arguments.kid], reason="admin"))
    text = f"{arguments.kid}: {'deleted' if deleted else 'was not there'}"
    return Output({"kid": arguments.kid, "deleted": deleted}, text)


async def _encrypt(admin: Admin, _arguments: Arguments) -> Output:
    store, cipher = KeyStore(admin.database), open_cipher(admin.settings)
    keys = (await store.read()).keys
    old = [key for key in keys if encrypted_under(key.private_key) != cipher.key_id]
    for key in old:
        await store.replace_ciphertext(key.kid, key.private_key, _encrypted_anew(key, cipher))
        audit("key.encrypt", Outcome.SUCCESS, kid=key.kid)
    data = {"encrypted_by": cipher.key_id, "changed": [key.kid for key in old]}
    return Output(data, f"{len(old)} of {len(keys)} keys encrypted anew, by {cipher.key_id}")


def _encrypted_anew(key: StoredKey, cipher: KeyCipher) -> bytes:
    return cipher.encrypt(_decrypted(key, cipher), key.kid.encode())


def _decrypted(key: StoredKey, cipher: KeyCipher) -> bytes:
    try:
        return cipher.decrypt(key.private_key, key.kid.encode())
    except CannotDecryptError as error:
        raise StartError(
            f"--encryption-key-file: signing key {key.kid} {error}; give the file of the servers"
        ) from error


def _rotation(admin: Admin, store: KeyStore, keys: tuple[StoredKey, ...]) -> KeyRotation:
    """Make keys as the servers do: under their encryption key, which the other keys prove.

    They are made without a token lifetime; a server gives them its own when it sees them.
    """
    cipher = open_cipher(admin.settings)
    for key in keys:
        _decrypted(key, cipher)
    return KeyRotation(
        store, cipher, lifecycle_of(admin.settings), token_lifetime=0, clock=admin.clock
    )


def _signing(algorithm: Algorithm, keys: tuple[StoredKey, ...], now: Micros) -> StoredKey | None:
    return newest_key(algorithm, (key for key in keys if key.sign_time <= now))


def _data(
    key: StoredKey, keys: tuple[StoredKey, ...], lifecycle: Lifecycle, now: Micros
) -> dict[str, object]:
    retire_time = lifecycle.retire_time(key, keys)
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "generation": key.generation,
        "state": _state(key, retire_time, now),
        "announce_time": shown(key.announce_time),
        "sign_time": shown(key.sign_time),
        "retire_time": shown(retire_time),
        "encrypted_by": encrypted_under(key.private_key),
    }


def _state(key: StoredKey, retire_time: Micros | None, now: Micros) -> str:
    if now < key.sign_time:
        return "announced"
    return "signing" if retire_time is None or now < retire_time else "retired"


def _add_rotate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--algorithm", default=None, choices=ALGORITHMS, help="default: --signing-algorithm"
    )
    parser.add_argument(
        "--now",
        dest="at_once",
        action="store_true",
        default=False,
        help="let it sign at once, before verifiers have seen it; servers follow within --key-poll",
    )


def _add_kid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kid", metavar="KEY", help="as `keys list` names it")


COMMANDS = (
    Command(
        ("keys", "list"), "print the signing keys, and whose turn it is", lambda _: None, _list
    ),
    Command(
        ("keys", "rotate"),
        "announce the next key before its time",
        _add_rotate,
        _rotate,
        "It signs after --key-announce, which should be what the servers have. Where the next one"
        " is announced already, no other is made.",
    ),
    Command(
        ("keys", "delete"),
        "delete a key that somebody else may have",
        _add_kid,
        _delete,
        "Every token that it signed is refused from then on (by servers within --key-poll, by"
        " verifiers when they next fetch the JWKS). Of the key that signs, a successor takes the"
        " place at once.",
    ),
    Command(
        ("keys", "encrypt"),
        "encrypt all under the first line of the encryption key file",
        no_arguments,
        _encrypt,
        "After that the other lines can be taken out of the file.",
    ),
)
