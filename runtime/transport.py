"""Where a token, a secret or a key may travel: over TLS, or not beyond this machine."""

import ipaddress
from urllib.parse import urlsplit


class PlaintextError(ValueError):
    """Something secret would travel without TLS to another machine."""


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name, whatever a name server says."""
    if host == "localhost":  # RFC 6761 §6.3
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_url(url: str, *, trust_network: bool) -> None:
    """Raise ValueError unless the URL is one of HTTP, and PlaintextError where it lacks TLS."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url} is no http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold a user or a password")
    if parts.scheme == "http" and not (trust_network or is_loopback(parts.hostname)):
        raise PlaintextError(f"{url} has no TLS and is not on this machine")


def check_target(target: str, *, tls: bool, trust_network: bool) -> None:
    """Raise PlaintextError where calls to the gRPC target would carry tokens without TLS."""
    host = target.rpartition(":")[0]
    if not (tls or trust_network or target.startswith("unix:") or is_loopback(host)):
        raise PlaintextError(f"{target} has no TLS and is not on this machine")
