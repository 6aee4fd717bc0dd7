"""The certificate of a listener and its key, read anew where the files change and on SIGHUP."""

import asyncio
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import Gauge

from runtime.engine import TlsFiles
from runtime.logs import get_logger
from runtime.main import StartError

# How often the files are looked at. Who replaces them gives the old ones some days, not seconds.
POLL = timedelta(seconds=5)

_expiry = Gauge(
    "bodega_tls_certificate_expiry_timestamp_seconds",
    "When the certificate that is served expires; 0: no TLS.",
)

log = get_logger(__name__)


class CertificateError(Exception):
    """A file cannot be served. The reason quotes nothing of it."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CertificatePair:
    """A certificate chain and its private key (PEM), and a context of OpenSSL that serves them."""

    chain: bytes
    key: bytes
    context: ssl.SSLContext
    begins: datetime
    expires: datetime


class ServerCertificate:
    """Holds the pair that new connections are to get.

    A pair is taken only as a whole: where a file is missing or broken, or the key does not belong
    to the certificate, the pair before stays and the log says why. A certificate that has expired
    is served with a warning, since clients may know of it.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read the pair. StartError where it cannot be served."""
        self._files = files
        self._problem = ""
        try:
            self.pair = _read(files)
        except CertificateError as error:
            message = f"--tls-certificate and --tls-key: {error}"
            raise StartError(message) from error
        self._note()

    def reload(self) -> None:
        """Read the files anew, and say how it went."""
        self.look(is_asked=True)

    async def follow_for_ever(self) -> None:
        """Read the files anew at an interval; say only what is new."""
        while True:
            await asyncio.sleep(POLL.total_seconds())
            self.look()

    def look(self, *, is_asked: bool = False) -> None:
        """Read the files anew; say only what is new, unless somebody asked."""
        try:
            pair = _read(self._files)
        except CertificateError as error:
            if is_asked or str(error) != self._problem:
                log.warning("certificate not reloaded", file=str(error.file), reason=error.reason)
            self._problem = str(error)
            return
        self._problem = ""
        if (pair.chain, pair.key) != (self.pair.chain, self.pair.key):
            self.pair = pair
            log.info("certificate reloaded", expires=pair.expires.isoformat())
            self._note()
        elif is_asked:
            log.info("certificate unchanged", expires=pair.expires.isoformat())

    def _note(self) -> None:
        pair, now = self.pair, datetime.now(UTC)
        _expiry.set(pair.expires.timestamp())
        file = str(self._files.certificate)
        if pair.expires <= now:
            log.warning("certificate has expired", file=file, expires=pair.expires.isoformat())
        elif pair.begins > now:
            log.warning("certificate is not valid yet", file=file, begins=pair.begins.isoformat())


def _read(files: TlsFiles) -> CertificatePair:
    chain, key = (_bytes_of(file) for file in (files.certificate, files.key))
    # Only those pay for it who have TLS.
    from cryptography import x509  # noqa: PLC0415

    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise CertificateError(files.certificate, "holds no certificate in PEM") from error
    try:
        context = _context(chain, key)
    except ssl.SSLError as error:
        raise _explained(files, error.reason or "unreadable") from error
    return CertificatePair(chain, key, context, leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateError(file, (error.strerror or str(error)).lower()) from error


def _context(chain: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # OpenSSL reads from files alone. This one is in memory, and holds what was read: the files
    # themselves may be others by now.
    with os.fdopen(os.memfd_create("certificate"), "wb") as file:
        file.write(key + b"\n" + chain)
        file.flush()
        # Without a password it would ask for one at the terminal.
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}", password="")
    return context


def _explained(files: TlsFiles, reason: str) -> CertificateError:
    if reason == "KEY_VALUES_MISMATCH":
        return CertificateError(files.key, f"is not the key of {files.certificate}")
    words = reason.lower().replace("_", " ")
    if reason.startswith(("CA_", "EE_")):
        return CertificateError(files.certificate, words)
    return CertificateError(files.key, f"holds no private key in PEM without a password ({words})")
