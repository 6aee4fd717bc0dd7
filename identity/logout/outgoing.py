"""HTTP requests of our own."""

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import httpx

_PATIENCE = timedelta(seconds=5)


class Outgoing:
    """A client that goes straight to where it is sent, and nowhere else.

    It is made at its first request: httpx and the roots to trust take 6 MB, and most servers
    never have anything to send. No redirection is followed. `patience` is how long an answer may
    take.
    """

    def __init__(self, patience: timedelta = _PATIENCE) -> None:
        self._patience = patience.total_seconds()
        self._http: httpx.AsyncClient | None = None
        self._making = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def post(self, uri: str, form: dict[str, str]) -> str | None:
        """Send a form; return None where it was taken, otherwise why not, in a word or two.

        Nothing of the answer but its status is read.
        """
        http = await self._made()
        import httpx  # noqa: PLC0415

        try:
            async with (
                asyncio.timeout(self._patience),
                http.stream(
                    "POST", uri, data=form, headers={"Accept-Encoding": "identity"}
                ) as response,
            ):
                taken = response.status_code in {200, 204}
                return None if taken else f"status {response.status_code}"
        except TimeoutError, httpx.TimeoutException:
            return "timeout"
        except httpx.HTTPError, httpx.InvalidURL:
            return "unreachable"

    async def _made(self) -> httpx.AsyncClient:
        async with self._making:
            if self._http is None:
                self._http = await asyncio.to_thread(_make)
            return self._http


def _make() -> httpx.AsyncClient:
    import httpx  # noqa: PLC0415

    # The time is limited as a whole, where each is sent; how many there are, by who sends. A limit
    # here would let requests that nobody answers delay others.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        timeout=None,  # noqa: S113
        limits=limits,
    )
