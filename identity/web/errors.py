"""Pages for what went wrong."""

from dataclasses import dataclass

from starlette.responses import Response

from identity.asking import Refused
from identity.web.pages import Pages


@dataclass(frozen=True, slots=True)
class Problem:
    """What a page says of an error."""

    title: str
    text: str


_PROBLEMS = {
    400: Problem(
        "This request was refused",
        "The application that sent you here is not set up rightly, or asked too late."
        " Nothing was shared with it.",
    ),
    403: Problem(
        "This form is no longer good",
        "It was open for too long, or did not come from this browser. Nothing was changed."
        " Go back, load the page again and repeat what you did.",
    ),
    404: Problem("There is no such page", "The address may be mistyped, or the page has moved."),
    405: Problem("This page cannot do that", "Go back and try again."),
    413: Problem("This is too much", "What was sent is larger than we accept."),
    415: Problem("This request cannot be read", "What was sent is no form."),
    429: Problem("Too many requests", "Wait for a moment, then try again."),
    500: Problem(
        "Something went wrong here",
        "This is our mistake, not yours. Try again; if it stays, tell whoever runs this shop.",
    ),
    503: Problem("We will be back in a moment", "Wait for a few seconds, then try again."),
}


class ErrorPages:
    """Makes the page of an error."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def page(self, status: int, *, retry_after: int | None = None) -> Response:
        """Return the page of a status; one that has none looks like the first of its hundred."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return self._render(status, None, None, headers)

    def refused(self, refused: Refused) -> Response:
        """Return the page of a refusal, in the words of the protocol."""
        return self._render(refused.status, refused.description, refused.error, {})

    def _render(
        self, status: int, detail: str | None, code: str | None, headers: dict[str, str]
    ) -> Response:
        problem = _PROBLEMS.get(status) or _PROBLEMS[500 if status >= 500 else 400]
        return self._pages.render(
            "error",
            status=status,
            headers=headers,
            problem=problem,
            detail=detail,
            code=code,
        )
