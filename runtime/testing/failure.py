"""What a failed call says."""

from typing import Any, cast

from google.rpc import error_details_pb2, status_pb2
from grpc import RpcError


class Failure:
    """The google.rpc.Status of a failed call."""

    def __init__(self, error: RpcError) -> None:
        """Read the details, of which it must have some."""
        trailers: dict[str, Any] = dict(cast("Any", error.trailing_metadata() or ()))
        status = status_pb2.Status.FromString(bytes(trailers["grpc-status-details-bin"]))
        self.code = error.code()
        self.info = error_details_pb2.ErrorInfo()
        self.violations: list[tuple[str, str]] = []
        for detail in status.details:
            request = error_details_pb2.BadRequest()
            if detail.Unpack(request):
                self.violations = [
                    (each.field, each.description) for each in request.field_violations
                ]
            detail.Unpack(self.info)

    @property
    def fields(self) -> list[str]:
        """The fields that break a rule."""
        return [field for field, _ in self.violations]

    @property
    def reason(self) -> str:
        """Which error it is."""
        return self.info.reason

    @property
    def metadata(self) -> dict[str, str]:
        """The things concerned."""
        return dict(self.info.metadata)
