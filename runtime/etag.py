"""Etags (AIP-154): opaque to clients, to us the revision of a resource's last change."""

import re

_ETAG = re.compile(r"[1-9a-f][0-9a-f]{0,14}")

NO_REVISION = 0


def etag_of(revision: int) -> str:
    """Return the etag of a resource at this revision."""
    return f"{revision:x}"


def revision_of(etag: str) -> int | None:
    """Return the revision that an etag guards: None where it is empty and guards nothing.

    One that we never gave is NO_REVISION, at which no resource ever is.
    """
    if not etag:
        return None
    return int(etag, 16) if _ETAG.fullmatch(etag) else NO_REVISION
