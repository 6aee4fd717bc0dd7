"""Why a command of the administrator, or a log-in, failed."""

from enum import auto

from runtime.reason import ReasonEnum


class Reason(ReasonEnum):
    """What `error` holds in the JSON of a command."""

    CLIENT_DIFFERS = auto()
    CLIENT_FROM_FILE = auto()
    CLIENT_NOT_FOUND = auto()
    INVALID_CLIENT_METADATA = auto()
    KEYS_STALE = auto()
    NO_SECRETS = auto()
    NO_SIGNING_KEY = auto()
    PASSWORD_REFUSED = auto()
    TOO_MANY_LOG_INS = auto()
    TOO_MANY_SECRETS = auto()
    USERNAME_TAKEN = auto()
    USER_NOT_FOUND = auto()
