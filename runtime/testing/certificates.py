"""Certificates for tests, made by openssl, and what a server presents."""

import asyncio
import os
import shutil
import ssl
import subprocess
from pathlib import Path

from runtime.engine import TlsFiles
from runtime.testing.waiting import PATIENCE_SECONDS

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")


def make_certificate(
    folder: Path, *, days: int = 2, key: tuple[str, ...] = EC, encrypted: bool = False
) -> TlsFiles:
    """Make a certificate for localhost, signed by itself; below zero `days` it has expired."""
    folder.mkdir(parents=True, exist_ok=True)
    made = TlsFiles(folder / "tls.crt", folder / "tls.key")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    command = (os.environ["OPENSSL_BIN"], "req", "-x509", *key, *names)
    protection = ("-passout", "pass:secret") if encrypted else ("-nodes",)
    validity = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
    subprocess.run(  # noqa: S603 (our own arguments)
        (
            *(*command, *protection),
            *(validity if days < 0 else ("-days", str(days))),
            *("-keyout", made.key, "-out", made.certificate),
        ),
        check=True,
        capture_output=True,
    )
    return made


def der_of(files: TlsFiles) -> bytes:
    """Return the certificate as a server presents it."""
    return ssl.PEM_cert_to_DER_cert(files.certificate.read_text())


def put(files: TlsFiles, into: TlsFiles) -> None:
    """Replace the one file and then the other, each at once."""
    put_file(files.certificate, into.certificate)
    put_file(files.key, into.key)


def put_file(file: Path, into: Path) -> None:
    """Replace a file at once by a copy of another."""
    copy = shutil.copyfile(file, into.with_name("new"))
    copy.replace(into)


async def presented(address: str) -> bytes:
    """Connect anew, and return the certificate that the server presents."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    assert isinstance(found, bytes)
    return found


async def presents(address: str, files: TlsFiles) -> None:
    """Wait until the server presents the certificate."""
    wanted = der_of(files)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await presented(address) != wanted:
            pass


class SecretVolume:
    """A folder as Kubernetes mounts a secret: its files change all at once, by a symbolic link."""

    def __init__(self, folder: Path, first: TlsFiles) -> None:
        folder.mkdir()
        self._data = folder / "..data"
        self.put(first)
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")
        self.files = TlsFiles(folder / "tls.crt", folder / "tls.key")

    def put(self, files: TlsFiles) -> None:
        """Let the folder hold these files."""
        new = self._data.with_name("..data_new")
        new.symlink_to(files.key.parent)
        new.replace(self._data)
