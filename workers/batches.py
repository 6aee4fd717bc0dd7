"""Cuts a file's rows into batches, and batches into windows.

A batch is one message and one transaction of the server. A window is one stream: it is
held in memory, sent again as it is until the server acknowledges it, and only then does the
checkpoint move on. The same file, options and start give the same windows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bodega.product.v1 import product_pb2
from workers.rows import ProductReader
from workers.sources.record import BadRow, Position, Source

# What the API names as the size that serves best.
BATCH_PRODUCTS = 200
BATCH_BYTES = 65_536
WINDOW_BYTES = 4_194_304


@dataclass(slots=True)
class Batch:
    """Products with distinct SKUs, and the lines they come from."""

    batch_id: str
    products: list[product_pb2.Product] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    skus: set[str] = field(default_factory=set)
    size: int = 0

    def add(self, line: int, product: product_pb2.Product) -> None:
        """Add a product whose SKU the batch does not have yet."""
        self.products.append(product)
        self.lines.append(line)
        self.skus.add(product.sku)
        self.size += product.ByteSize()

    def is_full(self) -> bool:
        """Say whether the batch is to be closed."""
        return len(self.products) >= BATCH_PRODUCTS or self.size >= BATCH_BYTES

    def message(self) -> product_pb2.ImportProductsRequest:
        """Return the batch as the message that carries it."""
        return product_pb2.ImportProductsRequest(batch_id=self.batch_id, products=self.products)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window starts: in the file, and in the numbering of batches."""

    position: Position
    chunk: int


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the file: its batches, and its rows that cannot be sent."""

    start: Place
    end: Place
    batches: list[Batch]
    skipped: list[BadRow]

    def requests(self) -> list[product_pb2.ImportProductsRequest]:
        """Return the messages of the stream."""
        return [batch.message() for batch in self.batches]

    def where(self, batch_id: str | None) -> str:
        """Say which lines a batch holds; without one, or an unknown one, all of the window's."""
        found = [batch for batch in self.batches if batch.batch_id == batch_id]
        lines = [line for batch in found or self.batches for line in batch.lines]
        named = f" (batch {batch_id})" if found else ""
        return f"lines {min(lines)} to {max(lines)}{named}"


class WindowReader:
    """Reads one window after the other. `rows` bounds a window, bad rows included."""

    def __init__(
        self, source: Source, products: ProductReader, *, prefix: str, chunk: int, rows: int
    ) -> None:
        self._source = source
        self._products = products
        self._prefix = prefix
        self._chunk = chunk
        self._rows = rows

    def read(self) -> Window | None:
        """Return the next window, None at the end of the file."""
        start = Place(self._source.position, self._chunk)
        batches: list[Batch] = []
        skipped: list[BadRow] = []
        for line, product in self._some_rows():
            if isinstance(product, BadRow):
                skipped.append(product)
                continue
            if not batches or batches[-1].is_full() or product.sku in batches[-1].skus:
                batches.append(self._new_batch())
            batches[-1].add(line, product)
        if not batches and not skipped:
            return None
        return Window(start, Place(self._source.position, self._chunk), batches, skipped)

    def _some_rows(self) -> Iterator[tuple[int, product_pb2.Product | BadRow]]:
        """Give as many rows as a window may hold."""
        rows, size = 0, 0
        while rows < self._rows and size < WINDOW_BYTES:
            item = next(self._source, None)
            if item is None:
                return
            rows += 1
            if isinstance(item, BadRow):
                yield item.line, item
                continue
            product = self._products.read(item)
            if not isinstance(product, BadRow):
                size += product.ByteSize()
            yield item.line, product

    def _new_batch(self) -> Batch:
        batch = Batch(f"{self._prefix}/{self._chunk}")
        self._chunk += 1
        return batch
