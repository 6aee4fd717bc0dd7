"""The paths of the pages, and which of them a log-in may return to."""

from urllib.parse import urlencode, urlsplit


class Links:
    """Paths below the issuer's own."""

    def __init__(self, issuer: str) -> None:
        parts = urlsplit(issuer)
        self.origin = f"{parts.scheme}://{parts.netloc}".lower()
        self.is_secure = parts.scheme == "https"
        self._base = parts.path

    def __call__(self, path: str, **parameters: str) -> str:
        """Return the path of a page: `links("/login", return_to="/device")`."""
        query = urlencode(parameters)
        return f"{self._base}{path}" + (f"?{query}" if query else "")

    def authorize(self, query: str) -> str:
        """Return the path that an authorization request begins at."""
        return f"{self('/authorize')}?{query}"

    def own(self, return_to: str) -> str:
        """Return where a log-in leads: a page of ours that is meant for it, or else the first.

        Whatever else was asked for is not followed, so that no link to our log-in ends elsewhere.
        """
        query = self.asked_query(return_to)
        if query is not None:
            return self.authorize(query)
        parts = urlsplit(return_to) if _is_plain(return_to) else None
        if parts is not None and not parts.netloc and parts.path == self("/device"):
            return parts.path + (f"?{parts.query}" if parts.query else "")
        return self("/")

    def asked_query(self, return_to: str) -> str | None:
        """Return the authorization request in a path to return to, None where there is none."""
        prefix = self.authorize("")
        is_it = _is_plain(return_to) and return_to.startswith(prefix)
        return return_to.removeprefix(prefix).partition("#")[0] if is_it else None


def _is_plain(path: str) -> bool:
    """Whether a browser reads it as we do. It drops tabs, and takes a backslash for a slash."""
    is_visible = path.isascii() and path.isprintable() and " " not in path and "\\" not in path
    return is_visible and path.startswith("/") and not path.startswith("//")


def form_target(redirect_uri: str) -> str:
    """Return what form-action must name, for a form whose answer redirects there.

    Chromium holds every redirection after a form to the page's form-action, to its very end.
    """
    parts = urlsplit(redirect_uri)
    # A policy cannot name an IPv6 address (CSP 3 §2.3.1), nor the host of an app's own scheme.
    if parts.scheme not in {"http", "https"} or ":" in (parts.hostname or ""):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
