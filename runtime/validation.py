"""The rules that requests of all services share."""

import re

from runtime.errors import FieldViolation, InvalidArgument

_BATCH_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def refuse(field: str, rule: str) -> InvalidArgument:
    """Return the error that one field breaks one rule."""
    return InvalidArgument([FieldViolation(field, rule)])


def check_request_id(request_id: str) -> str:
    """Return the UUID in its canonical form."""
    if not _UUID.fullmatch(request_id):
        raise refuse("request_id", "must be a UUID such as 6f1e9b8e-4d0c-4d8e-9a59-0c3f6a2b7d11")
    return request_id.lower()


def check_batch_id(batch_id: str, field: str = "batch_id") -> str:
    """Return the name of a batch."""
    if not _BATCH_ID.fullmatch(batch_id):
        raise refuse(field, "must be 1 to 128 characters out of A-Z a-z 0-9 . _ : / -")
    return batch_id


def check_page_size(page_size: int, default: int = 50, most: int = 1000) -> int:
    """Return how many resources a page holds (AIP-158)."""
    if page_size < 0:
        raise refuse("page_size", "must not be negative")
    return min(page_size or default, most)
