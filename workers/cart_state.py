"""Which visit the cart worker is at, kept over restarts."""

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from workers import durable
from workers.visit import Visit


@dataclass(frozen=True, slots=True)
class CartWorkerState:
    """The worker's id, made at its first start, the number of its visit, and the visit begun."""

    worker_id: str
    sequence: int = 0
    visit: Visit | None = None

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """Read the state; make one, and write it before it is used, where there is none."""
        content = durable.read_json(path)
        if content is None:
            return cls.create(path)
        try:
            match content:
                case {"worker_id": str(worker_id), "sequence": int(sequence), "visit": visit} if (
                    sequence >= 0
                ):
                    return cls(worker_id, sequence, None if visit is None else Visit.parse(visit))
        except (AttributeError, KeyError, TypeError) as error:
            raise durable.CorruptFileError(f"{path} is damaged: {error!r}") from error
        raise durable.CorruptFileError(f"{path} is damaged: it holds no state of a cart worker")

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a new worker."""
        state = cls(uuid.uuid4().hex)
        state.save(path)
        return state

    def save(self, path: Path) -> None:
        """Write it durably."""
        content = {
            "worker_id": self.worker_id,
            "sequence": self.sequence,
            "visit": None if self.visit is None else self.visit.content(),
        }
        durable.write_json(path, content)

    def begin(self, visit: Visit) -> Self:
        """Return the state in which the visit is under way."""
        return replace(self, visit=visit)

    def next(self) -> Self:
        """Return the state after the visit."""
        return replace(self, sequence=self.sequence + 1, visit=None)
