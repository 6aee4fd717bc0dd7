"""Structured logs: one event a line, JSON or for a terminal, on stderr."""

import logging
import sys
from typing import TYPE_CHECKING, Literal, cast

import structlog
from opentelemetry import trace

from runtime.call import current_call

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

type Format = Literal["auto", "json", "console"]


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger: `log.info("import finished", rows=1000)`. Never give it a secret."""
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(name))


def configure(level: str = "info", log_format: Format = "auto") -> None:
    """Send the events of structlog and of the standard library to stderr."""
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Not cached: tests capture and reconfigure, and success is not logged.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(console=console))
    handler.addFilter(_not_a_client_that_left)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Two lines for each look at a schema, which say nothing of this database.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def _formatter(*, console: bool) -> logging.Formatter:
    last: list[Processor]
    # Tracebacks as plain text: the other kinds hold local variables, hence secrets.
    if console:
        last = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _add_call(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Name the RPC that is being served, and its trace."""
    call = current_call.get()
    if call is not None:
        event.setdefault("method", call.method.path)
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
    elif call is not None:
        for key, value in call.trace_headers():
            if key == "traceparent":
                event["trace_id"] = value.split("-")[1] if value.count("-") >= 3 else value
    return event


def _not_a_client_that_left(record: logging.LogRecord) -> bool:
    """Drop grpcio's traceback about an answer that found its client gone."""
    return not record.getMessage().startswith("ExecuteBatchError raised in core")


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_call,
]
