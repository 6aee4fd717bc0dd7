"""Whether the database takes writes, in the log and as a metric.

Health does not tell: a full disk, or a primary that was demoted, still serves every read.
"""

from prometheus_client import Gauge

from runtime.errors import Unavailable
from runtime.logs import get_logger

log = get_logger(__name__)

_WRITABLE = Gauge(
    "bodega_database_writable",
    "1 while the database takes writes; 0 from a write that it could not take to one that it did.",
)
_WRITABLE.set(1)


class WriteOutage:
    """Notes when writes begin to fail for want of the database, and when they succeed again."""

    def __init__(self) -> None:
        self._is_away = False

    def failed(self, error: Unavailable) -> None:
        """Note a write that the database could not take."""
        if not self._is_away:
            self._is_away = True
            _WRITABLE.set(0)
            log.warning("database takes no writes", error=repr(error.__cause__))

    def succeeded(self) -> None:
        """Note a write that the database took, or refused for the write's own sake."""
        if self._is_away:
            self._is_away = False
            _WRITABLE.set(1)
            log.info("database takes writes again")
