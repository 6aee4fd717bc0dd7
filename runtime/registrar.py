"""Takes the place of the grpc server in the generated add_…_to_server functions."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio

from runtime import codec
from runtime.call import Call, Context, current_call
from runtime.endless import is_endless, until_ended
from runtime.engine import Engine
from runtime.in_flight import InFlight
from runtime.method import Method
from runtime.middleware import (
    Middleware,
    StreamHandler,
    UnaryHandler,
    fuse_stream,
    fuse_unary,
)

type MethodHandler = grpc.RpcMethodHandler[Any, Any]
type Behaviour = Callable[[Any, Context], Any]


class Registrar:
    """Fuses the chain around each handler of a service and gives it to the server."""

    def __init__(
        self,
        server: aio.Server,
        service: ServiceDescriptor,
        middleware: Sequence[Middleware],
        stopping: asyncio.Event,
        in_flight: InFlight,
        engine: Engine,
    ) -> None:
        self._server = server
        self._service = service
        self._middleware = middleware
        self._stopping = stopping
        self._in_flight = in_flight
        self._engine = engine

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Ignore them: generated code registers the same methods by name as well."""

    def add_registered_method_handlers(
        self, service_name: str, handlers: Mapping[str, MethodHandler]
    ) -> None:
        """Wrap and register."""
        if service_name != self._service.full_name:
            message = f"{self._service.full_name} is not the service that is added: {service_name}"
            raise ValueError(message)
        fused = {name: self._fuse(name, handler) for name, handler in handlers.items()}
        self._server.add_registered_method_handlers(service_name, fused)

    def _fuse(self, name: str, handler: MethodHandler) -> MethodHandler:
        method = Method(
            self._service.full_name,
            name,
            handler.request_streaming,
            handler.response_streaming,
            self._service.methods_by_name[name],
            is_endless(handler.stream_stream or handler.unary_stream),
        )
        if method.response_streaming:
            return self._fuse_stream(method, handler)
        return self._fuse_unary(method, handler)

    def _fuse_unary(self, method: Method, handler: MethodHandler) -> MethodHandler:
        deserialize, serialize = _serializers(method, handler)
        if method.request_streaming:
            behaviour = _answering_once(method, handler.stream_unary)
            inner = codec.client_stream(behaviour, deserialize, serialize)
            make = grpc.stream_unary_rpc_method_handler
        else:
            behaviour = _answering_once(method, handler.unary_unary)
            inner = codec.unary(behaviour, deserialize, serialize)
            make = grpc.unary_unary_rpc_method_handler
        scoped = self._scoped_unary(method, fuse_unary(method, inner, self._middleware))
        if self._engine is Engine.GRPCIO and not method.request_streaming:
            return grpc.stream_unary_rpc_method_handler(codec.sole_request(scoped))
        return make(scoped)

    def _fuse_stream(self, method: Method, handler: MethodHandler) -> MethodHandler:
        deserialize, serialize = _serializers(method, handler)
        if method.request_streaming:
            behaviour = self._streaming(method, handler.stream_stream)
            inner = codec.bidirectional(behaviour, deserialize, serialize)
            make = grpc.stream_stream_rpc_method_handler
        else:
            behaviour = self._streaming(method, handler.unary_stream)
            inner = codec.server_stream(behaviour, deserialize, serialize)
            make = grpc.unary_stream_rpc_method_handler
        scoped = self._scoped_stream(method, fuse_stream(method, inner, self._middleware))
        if self._engine is Engine.GRPCIO and not method.request_streaming:
            return grpc.stream_stream_rpc_method_handler(codec.sole_request_stream(scoped))
        return make(scoped)

    def _streaming(self, method: Method, behaviour: object) -> Behaviour:
        found = _answering_with_stream(method, behaviour)
        return until_ended(found, self._stopping) if method.is_endless else found

    def _scoped_unary(self, method: Method, handler: UnaryHandler) -> UnaryHandler:
        stopping, in_flight = self._stopping, self._in_flight

        async def scoped(request: Any, context: Context) -> Any:
            is_late = in_flight.draining
            call = Call(method, context, stopping, is_late)
            # Never reset: each RPC runs in a task, hence a context, of its own.
            current_call.set(call)
            in_flight.running += not is_late
            try:
                return await handler(request, context)
            finally:
                call.context = None
                in_flight.running -= not is_late
                if in_flight.draining:
                    in_flight.note_end()

        return scoped

    def _scoped_stream(self, method: Method, handler: StreamHandler) -> StreamHandler:
        stopping, in_flight = self._stopping, self._in_flight

        async def scoped(request: Any, context: Context) -> AsyncGenerator[Any]:
            is_late = in_flight.draining
            call = Call(method, context, stopping, is_late)
            current_call.set(call)
            in_flight.running += not is_late
            try:
                async with aclosing(handler(request, context)) as responses:
                    async for response in responses:
                        yield response
            finally:
                call.context = None
                in_flight.running -= not is_late
                if in_flight.draining:
                    in_flight.note_end()

        return scoped


def _serializers(
    method: Method, handler: MethodHandler
) -> tuple[codec.Deserialize, codec.Serialize]:
    if handler.request_deserializer is None or handler.response_serializer is None:
        message = f"{method.path} has no serializers: register generated code"
        raise TypeError(message)
    return handler.request_deserializer, handler.response_serializer


def _answering_once(method: Method, behaviour: object) -> Behaviour:
    if inspect.iscoroutinefunction(behaviour):
        return behaviour
    if _is_generated(behaviour):
        return _unimplemented_unary
    message = f"{method.path} must be `async def` and return its response"
    raise TypeError(message)


def _answering_with_stream(method: Method, behaviour: object) -> Behaviour:
    if inspect.isasyncgenfunction(behaviour):
        return behaviour
    if _is_generated(behaviour):
        return _unimplemented_stream
    message = f"{method.path} must be `async def` and yield its responses"
    raise TypeError(message)


def _is_generated(behaviour: object) -> bool:
    """Whether the servicer left the method as the generated base class has it."""
    return getattr(behaviour, "__module__", "").endswith("_pb2_grpc")


async def _unimplemented_unary(_request: Any, context: Context) -> Any:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not implement the method")


async def _unimplemented_stream(_request: Any, context: Context) -> AsyncGenerator[Any]:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server does not implement the method")
    yield
