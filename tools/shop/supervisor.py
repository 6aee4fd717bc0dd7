"""Runs all parts: started in the order of their needs, ended in the reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tools.shop.keeper import Keeper, Plan, Timing
from tools.shop.logs import PartLog
from tools.shop.part import Part, Port, in_order
from tools.shop.programs import Programs
from tools.shop.status import Status


class Supervisor:
    """Runs the parts for as long as `running()` is entered.

    `statuses` is in starting order; `on_change` is told of each change of state. Relative paths
    in the environment that the parts read are of `cwd`.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        programs: Programs,
        addresses: Mapping[Port, str],
        data: Path,
        cwd: Path,
        timing: Timing,
        on_change: Callable[[Status], None],
    ) -> None:
        ordered = in_order(parts)
        self._hurry = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._by_name = {
            part.name: Status(
                part,
                PartLog(data / "logs" / f"{part.name}.log"),
                addresses[part.listens or part.metrics],
            )
            for part in ordered
        }
        self._keepers = {
            part.name: Keeper(
                Plan(part, programs(part), addresses, data, cwd),
                self._by_name[part.name],
                needs=[self._by_name[need] for need in part.needs],
                timing=timing,
                hurry=self._hurry,
                on_change=on_change,
            )
            for part in ordered
        }

    @property
    def statuses(self) -> list[Status]:
        """Every part, each after what it needs."""
        return list(self._by_name.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start the parts; on leaving, end each once nothing that needs it runs any more."""
        try:
            async with asyncio.TaskGroup() as group:
                for name, keeper in self._keepers.items():
                    self._tasks[name] = group.create_task(keeper.run(), name=name)
                try:
                    yield
                finally:
                    await self._drain()
        finally:
            for status in self.statuses:
                status.log.close()

    def hurry(self) -> None:
        """Kill at once whatever is still being ended."""
        self._hurry.set()

    async def look(self) -> None:
        """Bring every part's numbers up to this moment."""
        await asyncio.gather(*(keeper.look() for keeper in self._keepers.values()))

    async def _drain(self) -> None:
        gone = {name: asyncio.Event() for name in self._by_name}
        async with asyncio.TaskGroup() as group:
            for name in self._by_name:
                users = [gone[s.part.name] for s in self.statuses if name in s.part.needs]
                group.create_task(self._end(name, users, gone[name]))

    async def _end(self, name: str, users: Sequence[asyncio.Event], gone: asyncio.Event) -> None:
        for user in users:
            await user.wait()
        self._tasks[name].cancel()
        await asyncio.wait({self._tasks[name]})
        gone.set()
