"""A secret in a file."""

import os
import stat
from pathlib import Path

from runtime.auth.issuer import IssuerError

# Of a group, reading is no fault: that is how Kubernetes hands a Secret to a user other than root.
_TOO_OPEN = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


def read_secret(path: Path, flag: str = "--client-secret-file") -> str:
    """Return the secret, without the line's end. IssuerError says why there is none.

    It is read again for each use: a secret that was rotated, or made after our own start, is
    found without a restart.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            secret = file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not ASCII"
        raise IssuerError(f"{flag} {path}: {reason.lower()}") from error
    if mode & _TOO_OPEN:
        raise IssuerError(f"{flag} {path}: others may read it, use chmod 600")
    if not secret:
        raise IssuerError(f"{flag} {path}: it is empty")
    return secret
