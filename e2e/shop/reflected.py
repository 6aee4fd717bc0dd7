"""The RPCs of a server, known by nothing but its reflection; and how to call any of them."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from bodega.auth.v1 import policy_pb2

_SECONDS = 20.0
# For calls that are to be under way all at once.
_POOL = ThreadPoolExecutor(64, "calls")


@dataclass(frozen=True, slots=True)
class Rpc:
    """One RPC as its server describes it."""

    method: MethodDescriptor

    @property
    def path(self) -> str:
        """Service and method."""
        return f"{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def policy(self) -> policy_pb2.Policy:
        """Who may call it; empty where its proto does not say."""
        return self._options.Extensions[policy_pb2.policy]

    @property
    def changes_something(self) -> bool:
        """Whether it may have an effect, as far as its proto says."""
        return self._options.idempotency_level != MethodOptions.NO_SIDE_EFFECTS

    def request(self, like: Message | None = None) -> Message:
        """Return an empty request, or a copy of one that was made with generated code."""
        made: Message = GetMessageClass(self.method.input_type)()
        if like is not None:
            made.MergeFromString(like.SerializeToString())
        return made

    @property
    def _options(self) -> MethodOptions:
        # Ours, which knows the extension: that of the other's pool is of another type.
        return MethodOptions.FromString(self.method.GetOptions().SerializeToString())


def rpcs_of(address: str) -> list[Rpc]:
    """Return every RPC of every service that the server lists."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        services = [pool.FindServiceByName(name) for name in database.get_services()]
        return [Rpc(method) for service in services for method in service.methods]


async def called(
    channel: grpc.Channel, rpc: Rpc, requests: Sequence[Message], token: str | None
) -> grpc.RpcError | None:
    """Call, and return the error that the call ends with, if any.

    A stream that answers one request may have no end: it has answered with its first message.
    Not by grpc.aio, which loses the details of an error that comes while it still sends.
    """
    running = asyncio.get_running_loop()
    return await running.run_in_executor(_POOL, _call, channel, rpc, requests, token)


def _call(
    channel: grpc.Channel, rpc: Rpc, requests: Sequence[Message], token: str | None
) -> grpc.RpcError | None:
    method = rpc.method
    kinds: dict[tuple[bool, bool], Any] = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    begin = kinds[method.client_streaming, method.server_streaming](
        f"/{rpc.path}", request_serializer=_serialized
    )
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    sent = iter(requests) if method.client_streaming else requests[0]
    try:
        answer = begin(sent, timeout=_SECONDS, metadata=metadata)
        if method.server_streaming:
            _read(answer, whole=method.client_streaming)
    except grpc.RpcError as error:
        return error
    return None


def _read(call: Any, *, whole: bool) -> None:
    for _ in call:
        if not whole:
            break
    call.cancel()


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
