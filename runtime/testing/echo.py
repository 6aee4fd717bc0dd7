"""A service with all four kinds of RPC, made without a proto file.

Each method takes and returns google.protobuf.StringValue: Say (unary), Count (server
streaming), Collect (client streaming) and Chat (bidirectional).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from itertools import count
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.wrappers_pb2 import StringValue

from bodega.auth.v1 import policy_pb2
from runtime.call import Context
from runtime.client import Channel

KINDS = {
    "Say": grpc.unary_unary_rpc_method_handler,
    "Count": grpc.unary_stream_rpc_method_handler,
    "Collect": grpc.stream_unary_rpc_method_handler,
    "Chat": grpc.stream_stream_rpc_method_handler,
}
type Level = descriptor_pb2.MethodOptions.IdempotencyLevel.ValueType

PUBLIC = policy_pb2.Policy(public=True)

_numbers: Iterator[int] = count(1)


def echo_service(
    policy: policy_pb2.Policy | None = PUBLIC, idempotency: Mapping[str, Level] = {}
) -> ServiceDescriptor:
    """Declare the service under a new name; `idempotency` gives methods a level."""
    name = f"Echo{next(_numbers)}Service"
    file = descriptor_pb2.FileDescriptorProto(
        name=f"bodega/testing/{name}.proto",
        package="bodega.testing",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto", "bodega/auth/v1/policy.proto"],
    )
    service = file.service.add(name=name)
    for method, kind in KINDS.items():
        made: grpc.RpcMethodHandler[Any, Any] = kind(lambda *_: None)
        declared = service.method.add(
            name=method,
            input_type=".google.protobuf.StringValue",
            output_type=".google.protobuf.StringValue",
            client_streaming=made.request_streaming,
            server_streaming=made.response_streaming,
        )
        declared.options.idempotency_level = idempotency.get(
            method, descriptor_pb2.MethodOptions.IDEMPOTENCY_UNKNOWN
        )
        if policy is not None:
            declared.options.Extensions[policy_pb2.policy].CopyFrom(policy)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName(f"bodega.testing.{name}")


class Echo:
    """Answers with what it gets; a test replaces the methods that it is about."""

    def __init__(self, service: ServiceDescriptor) -> None:
        self.service = service

    async def say(self, request: StringValue, _context: Context) -> StringValue:
        """Return the text."""
        return request

    async def count(self, request: StringValue, _context: Context) -> AsyncGenerator[StringValue]:
        """Return each character."""
        for character in request.value:
            yield StringValue(value=character)

    async def collect(self, requests: AsyncIterator[StringValue], _context: Context) -> StringValue:
        """Return all texts joined."""
        return StringValue(value="".join([request.value async for request in requests]))

    async def chat(
        self, requests: AsyncIterator[StringValue], _context: Context
    ) -> AsyncGenerator[StringValue]:
        """Return each text as it comes."""
        async for request in requests:
            yield request


def add_echo(servicer: Echo, server: Any) -> None:
    """Do what a generated add_…_to_server does."""
    handlers = {
        name: kind(
            getattr(servicer, name.lower()),
            request_deserializer=StringValue.FromString,
            response_serializer=StringValue.SerializeToString,
        )
        for name, kind in KINDS.items()
    }
    service = servicer.service.full_name
    generic = grpc.method_handlers_generic_handler(service, handlers)
    server.add_generic_rpc_handlers((generic,))
    server.add_registered_method_handlers(service, handlers)


class EchoStub:
    """Calls the service with texts, or with raw bytes that are no message."""

    def __init__(self, channel: Channel, service: ServiceDescriptor) -> None:
        self.target = channel.target
        self.service = service
        path = f"/{service.full_name}/"
        coders: tuple[Any, Any] = (_encode, _decode)
        self._methods: dict[str, Any] = {
            "Say": channel.unary_unary(f"{path}Say", *coders),
            "Count": channel.unary_stream(f"{path}Count", *coders),
            "Collect": channel.stream_unary(f"{path}Collect", *coders),
            "Chat": channel.stream_stream(f"{path}Chat", *coders),
        }

    def begin(self, name: str, *texts: str | bytes, **how: Any) -> Any:
        """Begin a call and return it; methods that send once send the first text."""
        streams = name in {"Collect", "Chat"}
        return self.begin_with(name, _sent(texts) if streams else texts[0], **how)

    def begin_with(self, name: str, request: Any, **how: Any) -> Any:
        """Begin a call with a text, or an asynchronous iterator of texts."""
        return self._methods[name](request, **how)

    async def call(self, name: str, *texts: str | bytes, **how: Any) -> list[str]:
        """Call and return all responses."""
        call = self.begin(name, *texts, **how)
        if name in {"Count", "Chat"}:
            return [text async for text in call]
        return [await call]


def _encode(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else StringValue(value=value).SerializeToString()


def _decode(data: bytes) -> str:
    return StringValue.FromString(data).value


async def _sent(texts: tuple[str | bytes, ...]) -> AsyncIterator[str | bytes]:
    for text in texts:
        yield text
