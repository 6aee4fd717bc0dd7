"""An OTLP collector that keeps what it gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from grpc import aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from runtime.call import Context


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """The spans that were exported to `endpoint`, with the name of the service that made each."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[Any] = []
        self.services: dict[bytes, str] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        """Collect while the block runs."""
        server, collector = aio.server(), cls()
        add_servicer: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        add_servicer(collector, server)
        collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield collector
        finally:
            await server.stop(None)

    async def Export(self, request: Any, _context: Context) -> Any:  # noqa: N802 (OTLP names it)
        """Keep the spans."""
        for resource in request.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
                self.services |= {span.span_id: names["service.name"] for span in scope.spans}
        return trace_service_pb2.ExportTraceServiceResponse()
