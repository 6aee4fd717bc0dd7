"""An RPC as it is declared."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor

# Served beside our own services. They carry no policy of ours, and are open to anybody
# who can connect: health by its purpose, the others while `introspection` is on.
STANDARD_SERVICES = frozenset(
    {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.channelz.v1.Channelz",
    }
)


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service; `service` is the full name, package included.

    `is_endless` says that its handler is marked as a stream without an end of its own.
    """

    service: str
    name: str
    request_streaming: bool
    response_streaming: bool
    descriptor: MethodDescriptor
    is_endless: bool = False

    @property
    def path(self) -> str:
        """The :path of its HTTP/2 requests."""
        return f"/{self.service}/{self.name}"

    @property
    def is_standard(self) -> bool:
        """Whether it belongs to one of gRPC's own services."""
        return self.service in STANDARD_SERVICES
