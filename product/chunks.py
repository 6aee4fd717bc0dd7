"""Cuts what is sent in a stream into messages."""

from collections.abc import Callable, Iterable, Iterator

from product.model import Product

# Characters, of which nearly all are bytes: to encode them first would cost as much as to send.
CHUNK_SIZE = 64 * 1024
# What the short fields of a product, with their tags and lengths, take at most.
_SHORT_FIELDS = 160


def size_of(product: Product) -> int:
    """Return about how many characters the product takes in a message."""
    return _SHORT_FIELDS + len(product.name) + len(product.description)


def cut[T](
    items: Iterable[T], count: int, size: int, measure: Callable[[T], int]
) -> Iterator[list[T]]:
    """Yield the items in chunks of up to `count` and `size`, each at least one item."""
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
