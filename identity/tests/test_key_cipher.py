"""The encryption of private keys at rest, and the file of its keys."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.keys.key_cipher import CannotDecryptError, KeyCipher, encrypted_under, open_cipher
from identity.settings import StoreSettings
from runtime.main import StartError

OLD, NEW = b"o" * 32, b"n" * 32


def settings_of(data: Path, file: Path | None = None) -> StoreSettings:
    return StoreSettings.model_validate({"data": data, "encryption_key_file": file})


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys"
    path.write_text(text)
    path.chmod(mode)
    return path


def encoded(*keys: bytes) -> str:
    return "".join(base64.b64encode(key).decode() + "\n" for key in keys)


@given(st.binary(), st.binary())
def test_what_was_encrypted_is_decrypted_and_never_the_same(plain: bytes, context: bytes) -> None:
    cipher = KeyCipher([OLD])
    one, two = cipher.encrypt(plain, context), cipher.encrypt(plain, context)
    assert one != two
    assert cipher.decrypt(one, context) == cipher.decrypt(two, context) == plain


@given(st.data())
def test_a_changed_bit_is_seen(data: st.DataObject) -> None:
    encrypted = bytearray(KeyCipher([OLD]).encrypt(b"secret", b"kid"))
    position = data.draw(st.integers(0, len(encrypted) * 8 - 1))
    encrypted[position // 8] ^= 1 << position % 8
    with pytest.raises(CannotDecryptError):
        KeyCipher([OLD]).decrypt(bytes(encrypted), b"kid")


@given(st.binary(max_size=40))
def test_other_bytes_are_refused(encrypted: bytes) -> None:
    with pytest.raises(CannotDecryptError):
        KeyCipher([OLD]).decrypt(encrypted, b"kid")


def test_the_ciphertext_of_one_key_does_not_pass_for_another() -> None:
    cipher = KeyCipher([OLD])
    with pytest.raises(CannotDecryptError, match="does not belong"):
        cipher.decrypt(cipher.encrypt(b"secret", b"kid-1"), b"kid-2")


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    both = KeyCipher([NEW, OLD])
    assert both.decrypt(KeyCipher([OLD]).encrypt(b"secret", b""), b"") == b"secret"
    made = both.encrypt(b"secret", b"")
    assert encrypted_under(made) == KeyCipher([NEW]).key_id
    with pytest.raises(CannotDecryptError, match=KeyCipher([OLD]).key_id):
        KeyCipher([OLD]).decrypt(made, b"")


def test_derived_keys_differ_by_purpose_and_key_and_are_no_key() -> None:
    derived = {KeyCipher([key]).derive(purpose) for key in (OLD, NEW) for purpose in ("a", "b")}
    assert len(derived | {OLD, NEW}) == 6
    assert {len(each) for each in derived} == {32}
    assert KeyCipher([OLD, NEW]).derive("a") == KeyCipher([OLD]).derive("a")


def test_a_development_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = open_cipher(settings_of(data))
    path = data / "identity.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert [each.name for each in data.iterdir()] == ["identity.key"]
    assert open_cipher(settings_of(data)).key_id == first.key_id
    assert open_cipher(settings_of(tmp_path / "other")).key_id != first.key_id


def test_a_file_with_comments_and_several_keys_is_read(tmp_path: Path) -> None:
    path = key_file(tmp_path, f"# of November\n{encoded(NEW)}\n# of October\n{encoded(OLD)}")
    cipher = open_cipher(settings_of(tmp_path, path))
    assert cipher.key_id == KeyCipher([NEW]).key_id
    assert cipher.decrypt(KeyCipher([OLD]).encrypt(b"x", b""), b"") == b"x"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o660, 0o777])
def test_a_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, encoded(OLD), mode)
    with pytest.raises(StartError, match=rf"mode 0{mode:o}, .* chmod 600"):
        open_cipher(settings_of(tmp_path, path))


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_file_of_the_user_or_the_group_is_read(tmp_path: Path, mode: int) -> None:
    open_cipher(settings_of(tmp_path, key_file(tmp_path, encoded(OLD), mode)))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        ("not base64!\n", "line 1 is not 32 bytes"),
        (encoded(OLD) + encoded(b"short"), "line 2 is not 32 bytes"),
    ],
)
def test_a_file_without_keys_says_how_to_make_one(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(StartError, match=rf"{rule}.*openssl rand -base64 32"):
        open_cipher(settings_of(tmp_path, key_file(tmp_path, text)))


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        open_cipher(settings_of(tmp_path, tmp_path / "missing"))
    assert not (tmp_path / "missing").exists()
