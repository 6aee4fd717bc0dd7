"""Nothing secret is ever committed: lint() runs the search over every file of every package."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bazel import no_secrets

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(form: serialization.PrivateFormat) -> bytes:
    return KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


FORBIDDEN = {
    "PKCS 8": pem(serialization.PrivateFormat.PKCS8),
    "EC": pem(serialization.PrivateFormat.TraditionalOpenSSL),
    "OpenSSH": pem(serialization.PrivateFormat.OpenSSH),
    "JWK": json.dumps(jwt.algorithms.ECAlgorithm.to_jwk(KEY, as_dict=True)).encode(),
    "token": jwt.encode({"sub": "ann"}, KEY, "ES256").encode(),
}


@pytest.mark.parametrize("secret", FORBIDDEN.values(), ids=FORBIDDEN)
def test_a_private_key_or_a_token_in_a_file_is_found(
    secret: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, clean = tmp_path / "settings.toml", tmp_path / "clean.toml"
    file.write_bytes(b"# settings\nkey = '" + secret + b"'\n")
    clean.write_bytes(b"# settings\n")
    assert no_secrets.main([str(clean)]) == 0
    assert no_secrets.main([str(clean), str(file)]) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"{file}:2: a ")
    assert said.count("\n") == 1


def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    public = KEY.public_key()
    file = tmp_path / "public"
    file.write_bytes(
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        + json.dumps(jwt.algorithms.ECAlgorithm.to_jwk(public, as_dict=True)).encode()
    )
    assert no_secrets.main([str(file)]) == 0
