"""Cuts what is sent in a stream into messages."""

from collections.abc import Callable, Iterator, Sequence

# In bytes.
CHUNK_SIZE = 64 * 1024


def cut[T](
    items: Sequence[T], count: int, size: int, measure: Callable[[T], int]
) -> Iterator[list[T]]:
    """Yield the items in chunks of up to `count` and `size`, each at least one item."""
    if items and len(items) <= count and sum(map(measure, items)) <= size:
        # As a stream of ordinary products is; a third of the time.
        yield [*items]
        return
    chunk: list[T] = []
    room = size
    for item in items:
        taken = measure(item)
        if chunk and (taken > room or len(chunk) == count):
            yield chunk
            chunk, room = [], size
        chunk.append(item)
        room -= taken
    if chunk:
        yield chunk
