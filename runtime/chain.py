"""The chain that every service has unless it says otherwise."""

from runtime.admission import Admission
from runtime.error_mapping import Errors
from runtime.metrics import Metrics
from runtime.middleware import Middleware
from runtime.policy import Authorization, Guard
from runtime.settings import ServerSettings
from runtime.tracing import TraceSource, Tracing


def default_chain(
    settings: ServerSettings,
    *,
    traces: TraceSource | None = None,
    guard: Guard | None = None,
) -> tuple[Middleware, ...]:
    """Return the chain, outermost first."""
    return (
        Tracing(traces),
        Metrics(),
        Errors(),
        Admission(settings.max_concurrent_rpcs, settings.max_endless_streams),
        Authorization(guard),
    )
