"""Sends spans to an OpenTelemetry collector. Imported only where one is configured."""

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

# Also how long the end of the process may wait for a collector that is away.
EXPORT_TIMEOUT_SECONDS = 2


def tracer_provider(service: str, endpoint: str) -> TracerProvider:
    """Make spans and send them in batches, from a thread of their own.

    It samples all it is asked for: `TraceSource` asks only for what is sampled.
    """
    provider = TracerProvider(
        sampler=ParentBased(ALWAYS_ON),
        resource=Resource.create({SERVICE_NAME: service}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        endpoint=endpoint,
        insecure=endpoint.startswith("http://"),
        timeout=EXPORT_TIMEOUT_SECONDS,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
