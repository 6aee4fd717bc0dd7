"""How many connections there may be at a time, and which of them make room for new ones."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from prometheus_client import Counter

from identity.abuse.addresses import ClientAddresses

_limited = Counter(
    "bodega_http_server_connections_limited",
    "Connections closed or refused because a limit was reached.",
    ("limit", "outcome"),
)
for _limit in ("address", "total"):
    for _outcome in ("closed", "refused"):
        _limited.labels(_limit, _outcome)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """`keep_alive` is how long a connection may be idle between two requests.

    `of_address` does not hold for trusted proxies (addresses or networks, comma-separated): theirs
    is the address of all their clients.
    """

    total: int = 4096
    of_address: int = 512
    keep_alive: timedelta = timedelta(seconds=75)
    trusted_proxies: str = ""


class Connection(Protocol):
    """An open connection."""

    def abort(self) -> None:
        """Close it at once, whatever its client does."""


@dataclass(slots=True)
class _Group:
    """Connections that share a limit. Those that wait for a request, longest first."""

    name: str
    limit: int
    address: str = ""
    size: int = 0
    waiting: dict[Connection, None] = field(default_factory=dict)


class Connections:
    """Counts connections in total and by address.

    Where a limit is reached, the connection that has waited longest for its client makes room. A
    connection whose request is being answered is never closed: where there are only such, the new
    one is refused.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limit_of_address = limits.of_address
        self._addresses = ClientAddresses(limits.trusted_proxies)
        self._total = _Group("total", limits.total)
        self._by_address: dict[str, _Group] = {}
        self._groups: dict[Connection, tuple[_Group, ...]] = {}

    def admit(self, connection: Connection, peer: str) -> bool:
        """Count a new connection, which waits for a request; return False where it is refused."""
        groups = self._groups_for(peer)
        if not all(map(self._has_room, groups)):
            return False
        self._groups[connection] = groups
        for group in groups:
            group.size += 1
            group.waiting[connection] = None
            if group.address:
                self._by_address[group.address] = group
        return True

    def serve(self, connection: Connection) -> None:
        """Note that a request of the connection has arrived."""
        for group in self._groups.get(connection, ()):
            group.waiting.pop(connection, None)

    def wait(self, connection: Connection) -> None:
        """Note that the connection waits for a request from now on."""
        for group in self._groups.get(connection, ()):
            group.waiting.pop(connection, None)
            group.waiting[connection] = None

    def forget(self, connection: Connection) -> None:
        """Count a connection no longer."""
        for group in self._groups.pop(connection, ()):
            group.size -= 1
            group.waiting.pop(connection, None)
            if not group.size:
                self._by_address.pop(group.address, None)

    def _groups_for(self, peer: str) -> tuple[_Group, ...]:
        if self._addresses.is_trusted(peer):
            return (self._total,)
        address = self._addresses.of(peer, ())
        group = self._by_address.get(address)
        return (group or _Group("address", self._limit_of_address, address), self._total)

    def _has_room(self, group: _Group) -> bool:
        if group.size < group.limit:
            return True
        if not group.waiting:
            _limited.labels(group.name, "refused").inc()
            return False
        longest = next(iter(group.waiting))
        self.forget(longest)
        longest.abort()
        _limited.labels(group.name, "closed").inc()
        return True
