"""Logs, traces and the admin listener of one process, as its settings say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.monitoring import Monitoring, monitoring
from runtime.settings import TelemetrySettings

if TYPE_CHECKING:
    from runtime.tracing import TraceSource


@dataclass
class Telemetry(Monitoring):
    """What was set up; `traces` where the settings name a collector."""

    traces: TraceSource | None = None


@asynccontextmanager
async def telemetry(settings: TelemetrySettings, service: str) -> AsyncIterator[Telemetry]:
    """Set up telemetry for the process; flush it when the block ends."""
    async with AsyncExitStack() as stack:
        made = Telemetry()
        if settings.otlp_endpoint is not None:
            # Its import costs a fifth of a second and 7 MB: only those pay who trace.
            from runtime.otlp import tracer_provider  # noqa: PLC0415
            from runtime.tracing import TraceSource  # noqa: PLC0415

            provider = tracer_provider(service, settings.otlp_endpoint)
            stack.push_async_callback(asyncio.to_thread, provider.shutdown)
            made.traces = TraceSource(provider.get_tracer("bodega"), settings.trace_ratio)
        yield await stack.enter_async_context(monitoring(settings, made))
