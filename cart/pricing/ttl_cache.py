"""What was answered lately."""

from collections import OrderedDict
from typing import NamedTuple


class Answer[V](NamedTuple):
    """A value, and for how many seconds after it was asked for it may be used."""

    value: V
    life: float


class FreshCache[K, V]:
    """The values used last, each until its end; where there are too many, the least used goes."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[K, _Kept[V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K, now: float) -> _Kept[V] | None:
        """Return what is kept and still fresh."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if now >= kept.end:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept

    def put(self, key: K, value: V, end: float) -> None:
        """Keep a value until its end."""
        self._kept[key] = _Kept(value, end)
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value."""
        self._kept.pop(key, None)

    def end_by(self, end: float) -> None:
        """Keep nothing longer than that."""
        for key, kept in self._kept.items():
            if kept.end > end:
                self._kept[key] = kept._replace(end=end)


class _Kept[V](NamedTuple):
    value: V
    end: float
