"""What the log says of work in the background that failed and is tried again."""

from typing import TYPE_CHECKING

from runtime.errors import Transient

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def report(log: FilteringBoundLogger, event: str, error: Exception) -> None:
    """Warn of what passes by itself; of anything else log an error with its traceback."""
    if isinstance(error, Transient):
        log.warning(event, error=error.message)
    else:
        log.error(event, exc_info=error)
