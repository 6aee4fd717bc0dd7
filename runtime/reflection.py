"""Server reflection as grpc.reflection.v1 and as v1alpha, which older clients ask for.

grpcio has v1alpha alone. Both versions have the same messages under another package name.
"""

from typing import Any, override

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

from runtime.endless import endless

_POOL = descriptor_pool.Default()
_ALPHA, _V1 = "grpc.reflection.v1alpha", "grpc.reflection.v1"


def _v1_service() -> ServiceDescriptor:
    """Declare v1 in the default pool, so that reflection describes it, too."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", _V1

    def renamed(name: str) -> str:
        return name.replace(f".{_ALPHA}.", f".{_V1}.")

    for message in file.message_type:
        for field in message.field:
            if field.HasField("type_name"):
                field.type_name = renamed(field.type_name)
    for method in file.service[0].method:
        method.input_type = renamed(method.input_type)
        method.output_type = renamed(method.output_type)
    return _POOL.AddSerializedFile(file.SerializeToString()).services_by_name["ServerReflection"]


SERVICES: tuple[ServiceDescriptor, ...] = (
    _v1_service(),
    reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"],
)


class _Pool:
    """The default pool, in which a method is found by its name as well."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_POOL, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802
        try:
            return _POOL.FindFileContainingSymbol(symbol)
        except KeyError:
            return _POOL.FindMethodByName(symbol).containing_service.file


class ReflectionServicer(reflection.aio.ReflectionServicer):
    """Answers in both versions. A stream that a client holds open does not hold the drain."""

    def __init__(self, service_names: tuple[str, ...]) -> None:
        names = (*service_names, *(each.full_name for each in SERVICES))
        super().__init__(names, pool=_Pool())  # type: ignore[no-untyped-call]

    @override
    @endless
    async def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> Any:
        async for response in super().ServerReflectionInfo(request_iterator, context):
            yield response


def adder(service: ServiceDescriptor) -> Any:
    """Return what registers the servicer as that version, as generated code would."""

    def add(servicer: ReflectionServicer, server: Any) -> None:
        handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        server.add_registered_method_handlers(service.full_name, {"ServerReflectionInfo": handler})

    return add
