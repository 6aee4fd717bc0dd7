"""The audit trail: one structured event for every success and failure that concerns security.

An event names who (client, user, address), what and how it ended. It never carries a secret, a
token, a code or a password, nor anything they could be computed from.
"""

from enum import StrEnum

from runtime.logs import get_logger

_log = get_logger("audit")


class Outcome(StrEnum):
    """How it ended."""

    SUCCESS = "success"
    FAILURE = "failure"


def audit(event: str, outcome: Outcome, **fields: str | int | None) -> None:
    """Record an event, for example `audit("token.issue", SUCCESS, client_id=…, grant_type=…)`.

    Fields that are None are left out. `reason` says why something failed, in a word.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    _log.info(event, outcome=str(outcome), **known)
