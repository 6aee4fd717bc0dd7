"""What can be said of a part of the shop; `parts.py` says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from graphlib import CycleError, TopologicalSorter

from runtime.currencies import EXPONENTS


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a part listens on; `--NAME-port` moves it."""

    name: str
    default: int


@dataclass(frozen=True, slots=True)
class GrpcHealth:
    """Ready when grpc.health.v1 says that the service is SERVING."""

    port: Port
    service: str


@dataclass(frozen=True, slots=True)
class HttpReady:
    """Ready when a GET of the path is answered with 200."""

    port: Port
    path: str = "/readyz"


class Calls(Enum):
    """Which calls of a part are counted; the value is what the names of their metrics begin with.

    Those are RPCs that it answers, RPCs that it makes, or HTTP requests that it answers.
    """

    SERVER = "bodega_rpc_server"
    CLIENT = "bodega_rpc_client"
    HTTP = "bodega_http_server"

    def is_well(self, code: str) -> bool:
        """Whether a call that ended with the status code is no sign of trouble."""
        if self is Calls.HTTP:
            # 0: the client left before the answer, as CANCELLED is of an RPC.
            return code[:1] in {"0", "2", "3"}
        return code in {"OK", "CANCELLED"}


@dataclass(frozen=True, slots=True)
class Count:
    """A number out of the part's metrics, summed over the labels that are not named.

    With `by` it is one number for each value of that label, which then begins its title. With
    `minor_units` that label names a currency, and the number is an amount in its minor units.
    """

    title: str
    metric: str
    labels: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    minor_units: bool = False

    def title_of(self, labels: Mapping[str, str]) -> str:
        """Return what a line with these labels is called."""
        return f"{labels[self.by]} {self.title}".rstrip() if self.by else self.title

    def number(self, value: float, labels: Mapping[str, str]) -> float:
        """Return what a line with these labels adds: of an amount its major units."""
        return value / 10 ** EXPONENTS[labels[self.by]] if self.by and self.minor_units else value


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the shop.

    `binary` is its path from the workspace's root, which is also its Bazel label.
    In `flags`, `{port-name}` stands for that port's address, `{data}` for the data folder and
    `{here}` for this one.
    `progress` must have grown by the end of an unattended run. An exit code out of `done_codes`
    says that its work is done: it is not started again then. `harmless` are the status codes that
    are no sign of trouble either, beside those that never are.
    """

    name: str
    binary: str
    flags: Sequence[str]
    ready: GrpcHealth | HttpReady
    metrics: Port
    calls: Calls
    listens: Port | None = None
    needs: Sequence[str] = ()
    counts: Sequence[Count] = ()
    progress: Count | None = None
    done_codes: frozenset[int] = frozenset()
    harmless: frozenset[str] = frozenset()

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every port it listens on."""
        return (self.metrics,) if self.listens is None else (self.listens, self.metrics)


def in_order(parts: Sequence[Part]) -> list[Part]:
    """Return the parts so that each comes after all that it needs; ValueError if that cannot be."""
    by_name = {part.name: part for part in parts}
    if len(by_name) != len(parts):
        raise ValueError("two parts have the same name")
    for part in parts:
        if missing := set(part.needs) - by_name.keys():
            raise ValueError(f"{part.name} needs {', '.join(sorted(missing))}, which is no part")
    graph = {part.name: part.needs for part in parts}
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise ValueError(f"parts need each other: {' → '.join(error.args[1])}") from None
