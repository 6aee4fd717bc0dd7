"""Cuts what is sent in a stream into messages."""

from collections.abc import Callable, Iterable, Iterator

from product.model import Product

CHUNK_BYTES = 64 * 1024
# What the short fields of a product, with their tags and lengths, take at most.
_SHORT_FIELDS = 160


def wire_size(product: Product) -> int:
    """Return about how many bytes the product takes in a message, and no fewer than it does."""
    return _SHORT_FIELDS + len(product.name.encode()) + len(product.description.encode())


def cut[T](
    items: Iterable[T], count: int, size: int, size_of: Callable[[T], int]
) -> Iterator[list[T]]:
    """Yield the items in chunks of up to `count` and `size`, each at least one item."""
    chunk: list[T] = []
    room = size
    for item in items:
        taken = size_of(item)
        if chunk and (taken > room or len(chunk) == count):
            yield chunk
            chunk, room = [], size
        chunk.append(item)
        room -= taken
    if chunk:
        yield chunk
