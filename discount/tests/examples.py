"""What the tests have in common: discounts to send, a clock that is set by hand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import money_pb2

from bodega.discount.v1 import discount_pb2 as pb
from discount.model import Draft, Percentage
from runtime.clock import Micros

if TYPE_CHECKING:
    from bodega.discount.v1 import discount_pb2_grpc

    # Its methods await; only type checkers know it.
    type Stub = discount_pb2_grpc.DiscountServiceAsyncStub

NOW = 1_700_000_000_000_000
HOUR = 3_600_000_000


class HandClock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now: Micros = NOW

    def __call__(self) -> Micros:
        return self.now


def draft(**fields: Any) -> Draft:
    good: dict[str, Any] = {
        "description": "For people to read.",
        "benefit": Percentage(1000),
        "start_time": None,
        "end_time": None,
        "redemption_limit": 0,
        "active": True,
    }
    return Draft(**good | fields)


def message(code: str, **fields: Any) -> pb.Discount:
    """Return a discount that breaks no rule, but for what the fields say."""
    good: dict[str, Any] = {"description": "For people to read.", "active": True}
    if "fixed" not in fields:
        good["basis_points"] = 1000
    return pb.Discount(code=code, **good | fields)


def amounts(**units: int) -> pb.FixedBenefit:
    money = (money_pb2.Money(currency_code=code, units=each) for code, each in units.items())
    return pb.FixedBenefit(amounts=money)


def time(micros: Micros) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(micros)
    return made


def instant(micros: Micros) -> datetime:
    return datetime.fromtimestamp(micros / 10**6, UTC)
