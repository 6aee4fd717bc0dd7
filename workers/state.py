"""Who a worker is and how far it has come, kept over restarts."""

import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from workers import durable


@dataclass(frozen=True, slots=True)
class WorkerState:
    """The worker's id, made at its first start, and the number of its next interval."""

    worker_id: str
    sequence: int = 0

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Read the state; make one, and write it before it is used, where there is none."""
        content = durable.read_json(path)
        if content is None:
            return cls.create(path)
        match content:
            case {"worker_id": str(worker_id), "sequence": int(sequence)} if sequence >= 0:
                return cls(worker_id, sequence)
        raise durable.CorruptFileError(f"{path} is damaged: it holds no state of a worker")

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new worker."""
        state = cls(uuid.uuid4().hex)
        state.save(path)
        return state

    def save(self, path: Path) -> None:
        """Write it durably."""
        durable.write_json(path, asdict(self))

    def next(self) -> Self:
        """Return the state after an acknowledged interval."""
        return replace(self, sequence=self.sequence + 1)
