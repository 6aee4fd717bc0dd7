"""Channels to other services: one a target, with retries, deadlines, metrics and traces.

A channel here is a thin shell around grpc's own: each stub method is wrapped once, when the
stub is made. grpc.aio's client interceptors would need four classes, one for each kind of RPC,
and hand out call objects of their own. Measured, the shell adds some 3 % to a unary call.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from grpc import aio

from runtime.authorized import Tokens
from runtime.outgoing import Outgoing
from runtime.tracing import TraceSource
from runtime.transport import check_target

MAX_MESSAGE_BYTES = 4 * 1024 * 1024

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Find a dead server while a call waits for it.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # A service comes back within seconds; grpc's own 2 minutes are for the wide world.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Whatever its name says: how long an attempt may take, until the server has greeted us.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
)

RETRY_POLICY = {
    # gRPC waits a random time around the backoff (± 20 %).
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}

# After 50 failures in a row (each costs a token, a success returns a tenth of one) a
# channel stops retrying until half of the tokens are back.
RETRY_THROTTLING = {"maxTokens": 100, "tokenRatio": 0.1}

IDEMPOTENT = frozenset({MethodOptions.NO_SIDE_EFFECTS, MethodOptions.IDEMPOTENT})


def is_retried(method: MethodDescriptor) -> bool:
    """Whether gRPC may repeat a call by itself.

    Only what the proto calls idempotent. A request stream is left to its caller: gRPC can
    repeat it only while all of it fits its buffer, and the caller knows what was kept.
    """
    level = method.GetOptions().idempotency_level
    return level in IDEMPOTENT and not method.client_streaming


def service_config(services: Iterable[ServiceDescriptor]) -> str:
    """Return the service config (gRFC A6) for calls to the services, as JSON."""
    names = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if is_retried(method)
    ]
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if names:
        config["methodConfig"] = [{"name": names, "retryPolicy": RETRY_POLICY}]
        config["retryThrottling"] = RETRY_THROTTLING
    return json.dumps(config)


def connect(
    target: str,
    *services: ServiceDescriptor,
    timeout: timedelta = timedelta(seconds=5),
    stream_timeout: timedelta = timedelta(minutes=10),
    tls_roots: Path | None = None,
    traces: TraceSource | None = None,
    tokens: Tokens | None = None,
    trust_network: bool = False,
    options: Sequence[tuple[str, int | str]] = (),
) -> Channel:
    """Return a channel for calls to the services; connecting happens at the first call.

    Every call has a deadline: that of `timeout=` where the call gives one, else `timeout`
    for a unary call and `stream_timeout` for a stream; always below what is left of the
    RPC that is being served. `tls_roots` turns TLS on; it names a PEM file. With `tokens` every
    call carries one: PlaintextError where it would travel without TLS beyond this machine,
    unless `trust_network` says that whoever listens there may have it.
    """
    if tokens is not None:
        check_target(target, tls=tls_roots is not None, trust_network=trust_network)
    config = {"grpc.service_config": service_config(services)}
    # Of an option that stands twice, gRPC takes the first.
    arguments = tuple((dict(OPTIONS) | config | dict(options)).items())
    if tls_roots is None:
        channel = aio.insecure_channel(target, arguments)
    else:
        credentials = grpc.ssl_channel_credentials(tls_roots.read_bytes())
        channel = aio.secure_channel(target, credentials, arguments)
    seconds, stream_seconds = timeout.total_seconds(), stream_timeout.total_seconds()
    return Channel(target, channel, seconds, stream_seconds, traces, tokens)


class Channel(aio.Channel):
    """Wraps each stub method of a channel in what every outgoing call needs."""

    def __init__(
        self,
        target: str,
        channel: aio.Channel,
        timeout: float,
        stream_timeout: float,
        traces: TraceSource | None,
        tokens: Tokens | None,
    ) -> None:
        self.target = target
        self._channel = channel
        self._timeout = timeout
        self._stream_timeout = stream_timeout
        self._traces = traces
        self._tokens = tokens

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the callable of a unary method."""
        made = self._channel.unary_unary(method, *args, **kwargs)
        return self._outgoing(method, made, self._timeout)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the callable of a server-streaming method."""
        made = self._channel.unary_stream(method, *args, **kwargs)
        return self._outgoing(method, made, self._stream_timeout)

    def stream_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the callable of a client-streaming method."""
        made = self._channel.stream_unary(method, *args, **kwargs)
        return Outgoing(
            method, made, self._stream_timeout, self._traces, self._tokens, sends_stream=True
        )

    def stream_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Return the callable of a bidirectional method."""
        made = self._channel.stream_stream(method, *args, **kwargs)
        return Outgoing(
            method, made, self._stream_timeout, self._traces, self._tokens, sends_stream=True
        )

    def _outgoing(
        self, method: str, made: Any, timeout: float, *, sends_stream: bool = False
    ) -> Outgoing:
        return Outgoing(
            method, made, timeout, self._traces, self._tokens, sends_stream=sends_stream
        )

    async def close(self, grace: float | None = None) -> None:
        """Close, after `grace` seconds at most for the calls that run."""
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """Return the state of the connection."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the state is another."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until there is a connection."""
        await self._channel.channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self._channel.close()
