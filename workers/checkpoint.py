"""How far a file's import has come, as the server acknowledged it."""

from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, Self

from workers import durable
from workers.batches import Place
from workers.sources.record import Position

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Totals:
    """What became of the rows so far; the unchanged are among the updated."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    skipped: int = 0

    @property
    def rows(self) -> int:
        """All rows, good and bad."""
        return self.inserted + self.updated + self.rejected + self.skipped

    @property
    def bad(self) -> int:
        """Rows that are not in the catalogue."""
        return self.rejected + self.skipped

    def plus(self, more: Totals) -> Totals:
        """Return the sum."""
        return Totals(*(a + b for a, b in zip(astuple(self), astuple(more), strict=True)))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one import.

    `identity` is the digest of the file's content and of the options that decide what is
    sent: with another the checkpoint says nothing. `import_id` is drawn when an import
    begins, so that the same file may be imported again later, with effect. `proof` is where
    the last acknowledged window with products starts: its first batch, sent again, must be
    known to the server, or this is not the server that acknowledged it.
    """

    identity: str
    import_id: str
    place: Place
    proof: Place | None = None
    totals: Totals = Totals()
    rejects_bytes: int = 0

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read it; None where there is none, CorruptFileError where it is damaged."""
        content = durable.read_json(path)
        if content is None:
            return None
        try:
            return cls._parse(content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise durable.CorruptFileError(f"{path} is damaged: {error!r}") from error

    @classmethod
    def _parse(cls, content: dict[str, Any]) -> Self:
        if content["version"] != _VERSION:
            raise ValueError("version", content["version"])
        proof = content["proof"]
        return cls(
            identity=str(content["identity"]),
            import_id=str(content["import_id"]),
            place=_place(content["place"]),
            proof=None if proof is None else _place(proof),
            totals=Totals(**{name: _count(count) for name, count in content["totals"].items()}),
            rejects_bytes=_count(content["rejects_bytes"]),
        )

    def save(self, path: Path) -> None:
        """Write it durably."""
        durable.write_json(path, {"version": _VERSION, **asdict(self)})


def _place(content: dict[str, Any]) -> Place:
    offset, line = content["position"]
    return Place(Position(_count(offset), _count(line)), _count(content["chunk"]))


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("no count", value)
    return value
