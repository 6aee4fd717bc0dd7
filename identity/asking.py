"""What may come of a request at the authorization or logout endpoint instead of its answer."""


class Refused(Exception):  # noqa: N818 (it is the answer to a request, like a Redirected)
    """The browser must not be sent anywhere (RFC 6749 §4.1.2.1): the user is told on a page.

    `error` is the code of an OAuth error; `description` is for people, and names no secret.
    """

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class Redirected(Exception):  # noqa: N818
    """The browser is sent back to the client, with an error in `location`."""

    def __init__(self, location: str) -> None:
        super().__init__("sent back to the client")
        self.location = location


class SessionEnded(Exception):  # noqa: N818
    """The user has logged out meanwhile: nothing was granted, and they have to log in again."""
