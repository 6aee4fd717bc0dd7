"""Logs and the admin listener of one process, as its settings say."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

from runtime import logs
from runtime.admin import admin_listener
from runtime.settings import MonitoringSettings


@dataclass
class Monitoring:
    """What was set up. Set `ready` once there is something to be ready."""

    metrics_address: str | None = None
    ready: Callable[[], bool] = field(default=lambda: False)

    def is_ready(self) -> bool:
        """Ask whatever `ready` is by now."""
        return self.ready()


@asynccontextmanager
async def monitoring[M: Monitoring](settings: MonitoringSettings, made: M) -> AsyncIterator[M]:
    """Configure the logs, and serve metrics and health until the block ends."""
    logs.configure(settings.log_level, settings.log_format)
    with ExitStack() as stack:
        if settings.metrics_listen is not None:
            listener = admin_listener(settings.metrics_listen, made.is_ready)
            made.metrics_address = stack.enter_context(listener)
        yield made
