"""Whose request it is, by its network address."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

type Address = IPv4Address | IPv6Address


class ClientAddresses:
    """Tells a client's address from those of the proxies in front of this server."""

    def __init__(self, trusted_proxies: str = "") -> None:
        """`trusted_proxies`: addresses or networks, comma-separated; ValueError for others."""
        parts = (part.strip() for part in trusted_proxies.split(","))
        self._trusted = [ip_network(part) for part in parts if part]

    def of(self, peer: str | None, forwarded_for: Sequence[str]) -> str:
        """Return the address that answers for a request, IPv6 as its /64.

        `peer` is who connected; `forwarded_for`, the values of X-Forwarded-For, is believed only as
        far as trusted proxies wrote it: from its end, up to the first address that is none.
        """
        address = _parse(peer or "")
        if address is None:
            return "unknown"
        for hop in _from_the_end(forwarded_for):
            if not self._is_trusted(address):
                break
            next_address = _parse(hop)
            if next_address is None:
                break
            address = next_address
        return _subject(address)

    def is_trusted(self, peer: str) -> bool:
        """Whether who connected is a trusted proxy."""
        address = _parse(peer)
        return address is not None and self._is_trusted(address)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _from_the_end(values: Sequence[str]) -> Iterable[str]:
    return (hop.strip() for hop in reversed(",".join(values).split(",")))


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    # One machine, whichever way its address is written.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _subject(address: Address) -> str:
    if isinstance(address, IPv6Address):
        # A household or a server has a whole /64 to choose from.
        return str(IPv6Network((address, 64), strict=False))
    return str(address)
