"""Logs, traces and the admin listener of one process, as its settings say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runtime import logs
from runtime.admin import admin_listener
from runtime.settings import MonitoringSettings, TelemetrySettings

if TYPE_CHECKING:
    from runtime.tracing import TraceSource


@dataclass
class Telemetry:
    """What was set up. Set `ready` once there is something to be ready."""

    traces: TraceSource | None = None
    metrics_address: str | None = None
    ready: Callable[[], bool] = field(default=lambda: False)

    def is_ready(self) -> bool:
        """Ask whatever `ready` is by now."""
        return self.ready()


@asynccontextmanager
async def telemetry(settings: MonitoringSettings, service: str) -> AsyncIterator[Telemetry]:
    """Set up telemetry for the process; flush it when the block ends.

    Traces are for those whose settings have them: TelemetrySettings.
    """
    logs.configure(settings.log_level, settings.log_format)
    made = Telemetry()
    async with AsyncExitStack() as stack:
        if isinstance(settings, TelemetrySettings) and settings.otlp_endpoint is not None:
            # Its import costs a fifth of a second and 7 MB: only those pay who trace.
            from runtime.otlp import tracer_provider  # noqa: PLC0415
            from runtime.tracing import TraceSource  # noqa: PLC0415

            provider = tracer_provider(service, settings.otlp_endpoint)
            stack.push_async_callback(asyncio.to_thread, provider.shutdown)
            made.traces = TraceSource(provider.get_tracer("bodega"), settings.trace_ratio)
        if settings.metrics_listen is not None:
            listener = admin_listener(settings.metrics_listen, made.is_ready)
            made.metrics_address = stack.enter_context(listener)
        yield made
