"""Whose cart a call is about, and whether its caller may reach it."""

import re

from cart.errors import owner_forbidden, owner_mixed
from runtime.auth.caller import Caller
from runtime.validation import refuse

MANAGE = "carts.manage"

_OWNER = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")


def owner_of(caller: Caller, asked: str) -> str:
    """Return the owner that a request names: the caller itself where it names none.

    PermissionDenied where it names another and the caller may not; nothing was looked up by then.
    """
    owner = asked or caller.subject
    if owner != caller.subject and MANAGE not in caller.scopes:
        raise owner_forbidden()
    if not _OWNER.fullmatch(owner):
        raise refuse("owner", "must be 1 to 200 characters, none a control character")
    return owner


class StreamOwner:
    """The one owner of all messages of a stream."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._owner: str | None = None

    def of(self, asked: str) -> str:
        """Return the owner of the next message, which the first one has named."""
        if self._owner is None:
            self._owner = owner_of(self._caller, asked)
        elif asked and asked != self._owner:
            raise owner_mixed()
        return self._owner
