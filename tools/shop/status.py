"""What is known of a part at a moment; the keeper writes it, the screen and the summary read it."""

import asyncio
import time
from dataclasses import dataclass, field
from enum import Enum

from tools.shop.logs import PartLog, Trouble
from tools.shop.metrics import History
from tools.shop.part import Part


class State(Enum):
    """Where a part is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    BACKOFF = "restarting"
    DONE = "done"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(slots=True)
class Status:
    """What is known of a part. Times are in seconds of the monotonic clock."""

    part: Part
    log: PartLog
    address: str
    state: State = State.WAITING
    since: float = field(default_factory=time.monotonic)
    pid: int | None = None
    started: float | None = None
    restarts: int = 0
    retry_at: float = 0.0
    answer: str = "no answer yet"
    trouble: Trouble | None = None
    exit_code: int | None = None
    killed: bool = False
    history: History = field(default_factory=History)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def fail(self, text: str) -> None:
        """Note that something went wrong with the process, rather than within it."""
        self.trouble = Trouble(text, time.monotonic())

    @property
    def last_error(self) -> Trouble | None:
        """The newest of what went wrong with the process, and what it logged as an error."""
        found = [trouble for trouble in (self.trouble, self.log.last_error) if trouble]
        return max(found, key=lambda trouble: trouble.at, default=None)
