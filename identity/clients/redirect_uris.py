"""Which URIs a client may register, and which of them a request may name."""

import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from identity.settings import is_loopback

_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1"})
# RFC 3986's characters, in a URI that needs no normalisation.
_URI = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%#]+")
# As a Content-Security-Policy can name it.
_HOST_AND_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?")
# RFC 8252 §7.1: a domain name turned around, so it has a dot.
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")


def check_redirect_uri(uri: str, *, native: bool) -> str | None:
    """Return the rule that a redirect URI breaks, None for one that may be registered."""
    parts = _split(uri)
    if parts is None:
        return "must be an absolute URI in ASCII, without spaces"
    if "#" in uri:
        return "must have no fragment (RFC 6749 §3.1.2)"
    if parts.netloc and not _HOST_AND_PORT.fullmatch(parts.netloc):
        return "must name its host to the letter: no user, no wildcard"
    return _check_scheme(parts, native=native)


def _check_scheme(parts: SplitResult, *, native: bool) -> str | None:
    match parts.scheme:
        case "https":
            return None if parts.hostname else "must have a host"
        case "http" if native:
            return _check_loopback(parts)
        case "http":
            return "must be https:// (http:// is for native clients, on a loopback address)"
        case scheme if native and _PRIVATE_SCHEME.fullmatch(scheme):
            return None
        case _ if native:
            return (
                "must be https://, http://127.0.0.1, http://[::1] or a scheme of its own that is a"
                " domain name turned around, such as com.example.app:/callback (RFC 8252 §7)"
            )
        case _:
            return "must be https://"


def _check_loopback(parts: SplitResult) -> str | None:
    if parts.hostname not in _LOOPBACK_HOSTS:
        return "http:// needs the host 127.0.0.1 or [::1] (RFC 8252 §7.3 and §8.3)"
    return None


def check_backchannel_logout_uri(uri: str | None) -> str | None:
    """Accept where logout tokens may be sent: https, or http on this machine."""
    if uri is None:
        return None
    parts = _split(uri)
    if parts is None or not parts.hostname or "#" in uri or "@" in parts.netloc:
        raise ValueError("must be an absolute URI with a host, and no user or fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("must be https:// (http:// on a loopback address alone)")
    return uri


def allowed_redirect(uri: str, registered: Collection[str], *, native: bool) -> bool:
    """Whether a URI of a request is a registered one, to the letter but for a loopback port."""
    if uri in registered:
        return True
    if not native:
        return False
    portless = _without_loopback_port(uri)
    return portless is not None and any(
        portless == _without_loopback_port(each) for each in registered
    )


def _without_loopback_port(uri: str) -> str | None:
    """Return a loopback URI without its port, None for any other URI."""
    found = re.fullmatch(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::(\d{1,5}))?([/?].*)?", uri)
    if found is None or "#" in uri or not _URI.fullmatch(uri) or int(found[2] or 80) > 65535:
        return None
    return found[1] + (found[3] or "")


def _split(uri: str) -> SplitResult | None:
    """Return the parts of an absolute URI that is written as its scheme and host are compared."""
    if len(uri) > 2000 or not _URI.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        right = bool(parts.scheme) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if right and uri.startswith(f"{parts.scheme}:") else None
