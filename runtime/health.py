"""Health that is real: each service's check is asked again and again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

from runtime.logs import get_logger

type Check = Callable[[], Awaitable[None]]

OVERALL = ""

log = get_logger(__name__)


class Health:
    """The state of each service, and of the server as a whole under the name "".

    A check returns where its service can serve and raises where it cannot; one that takes
    longer than `timeout` has failed. The whole serves where all services do.
    """

    def __init__(
        self,
        checks: Mapping[str, Check] | None = None,
        *,
        interval: timedelta = timedelta(seconds=5),
        timeout: timedelta = timedelta(seconds=2),
    ) -> None:
        self._checks = dict(checks or {})
        self._interval = interval.total_seconds()
        self._timeout = timeout.total_seconds()
        self._serving = {OVERALL: False} | dict.fromkeys(self._checks, False)
        self._changed = asyncio.Event()
        self._ask = asyncio.Event()
        self._draining = False

    @property
    def serving(self) -> bool:
        """Whether the server as a whole is ready for calls."""
        return self._serving[OVERALL]

    @property
    def services(self) -> Mapping[str, bool]:
        """Whether each service is ready for calls, and the whole by the name ""."""
        return self._serving

    @property
    def changed(self) -> asyncio.Event:
        """Set once `services` is no longer what it was when this was read."""
        return self._changed

    @property
    def draining(self) -> bool:
        """Whether nothing will be ready any more."""
        return self._draining

    def add_services(self, names: Iterable[str]) -> None:
        """Report on these too; one without a check serves for as long as the server does."""
        for name in names:
            self._serving.setdefault(name, False)

    def ask_again(self) -> None:
        """Run the checks now: something was seen to fail, or to work again."""
        self._ask.set()

    async def run(self) -> None:
        """Run the checks for ever."""
        while True:
            self._ask.clear()
            await self.check_all()
            try:
                async with asyncio.timeout(self._interval):
                    await self._ask.wait()
            except TimeoutError:
                continue

    async def check_all(self) -> None:
        """Run every check once and publish what they say."""
        names = [name for name in self._serving if name != OVERALL]
        results = await asyncio.gather(*(self._passes(name) for name in names))
        self._publish(dict(zip(names, results, strict=True)) | {OVERALL: all(results)})

    def drain(self) -> None:
        """Report NOT_SERVING from now on, whatever the checks say."""
        self._draining = True
        self._publish(dict.fromkeys(self._serving, False))

    async def _passes(self, name: str) -> bool:
        check = self._checks.get(name)
        if check is None:
            return True
        try:
            async with asyncio.timeout(self._timeout):
                await check()
        except Exception as error:  # noqa: BLE001 (whatever a check raises means: not serving)
            if self._serving[name]:
                log.warning("service is not serving", service=name, error=repr(error))
            return False
        return True

    def _publish(self, serving: dict[str, bool]) -> None:
        if self._draining:
            serving = dict.fromkeys(serving, False)
        if serving != self._serving:
            self._serving = serving
            self._changed.set()
            self._changed = asyncio.Event()
