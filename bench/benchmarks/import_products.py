"""ImportProducts, durable and acknowledged, to one product a message and to bare SQLite."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import batched, count

from sqlalchemy import Connection

from bench.benchmark import Options, check_equal
from bench.catalogue import batches, drafts
from bench.load import Call, h2load
from bench.measure import Figure, Series, Target, in_turns
from bench.product_server import product_server, write_call
from product.model import Product
from product.servicer import encode
from product.store.import_batch import upsert_sql
from runtime.migrate import prepare
from runtime.sqlite_connection import connect, driver

CHUNK = 200
ROWS = 40_000
# One product a message takes so much longer; its smaller catalogue is to its advantage.
SINGLE_ROWS = 2_000
WARM_UP_ROWS = CHUNK
NOW_MICROS = 1_767_225_600_000_000

type Row = tuple[int | str | bytes, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """An import into the empty catalogue of a server that has just begun."""

    rows: int
    call: Call
    warm_up: Call

    async def run(self, options: Options, numbers: count[int]) -> float:
        """Import, and return the rows a second."""
        folder = options.folder / f"round-{next(numbers)}"
        async with product_server(folder) as server:
            await h2load(options.h2load, server.address, self.warm_up, token=server.token)
            load = await h2load(options.h2load, server.address, self.call, token=server.token)
            check_equal("imports, counted", await server.handled("ImportProducts"), {"OK": 2})
            check_equal("products imported", await server.count(), WARM_UP_ROWS + self.rows)
        return self.rows / load.seconds


async def run(options: Options) -> Sequence[Figure]:
    """Measure the import and its two yardsticks in turns."""
    numbers = count()
    warm_up = _import_call(options, "warm_up", WARM_UP_ROWS, CHUNK)
    chunks = Import(ROWS, _import_call(options, "bench", ROWS, CHUNK), warm_up)
    single = replace(
        chunks, rows=SINGLE_ROWS, call=_import_call(options, "bench", SINGLE_ROWS, size=1)
    )
    runs = {
        "chunks of 200": partial(chunks.run, options, numbers),
        "one a message": partial(single.run, options, numbers),
        "raw executemany": partial(_raw_import, options, numbers),
    }
    reached = await in_turns(runs, options.rounds, options.report)
    imported, one, raw = (Series(side, "products/s", rates) for side, rates in reached.items())
    return [
        Figure("ImportProducts, to one a message", imported, one, Target("at least", 20.0)),
        Figure("ImportProducts, to bare SQLite", imported, raw, Target("at least", 0.4)),
    ]


def _import_call(options: Options, prefix: str, rows: int, size: int) -> Call:
    file = options.folder / f"{prefix}-{size}.body"
    return write_call(file, "ImportProducts", batches(drafts(rows, prefix), size, prefix))


async def _raw_import(options: Options, numbers: count[int]) -> float:
    """Write the same rows with the server's own statement, settings and rows a transaction."""
    path = options.folder / f"round-{next(numbers)}" / "raw.db"
    path.parent.mkdir()
    await prepare(f"sqlite:///{path}", "product.migrations")
    connection = connect(path, busy_timeout=5, cache_kib=32_768, read_only=False)
    with closing(driver(connection)) as raw:
        _write(connection, _rows("warm_up", WARM_UP_ROWS, first=1))
        seconds = _write(connection, _rows("bench", ROWS, first=WARM_UP_ROWS + 1))
        (found,) = raw.execute("SELECT count(*) FROM products").fetchone()
        check_equal("products in bare SQLite", found, WARM_UP_ROWS + ROWS)
    return ROWS / seconds


def _write(connection: Connection, rows: Sequence[Row]) -> float:
    """Write the rows with the driver alone; SQLAlchemy only names the statement."""
    raw, statement = driver(connection), upsert_sql(connection.dialect)
    begin = time.perf_counter()
    for batch in batched(rows, CHUNK, strict=False):
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(statement, batch)
        raw.execute("COMMIT")
    return time.perf_counter() - begin


def _rows(prefix: str, rows: int, first: int) -> list[Row]:
    inserted = (
        Product(number, *draft, create_time=NOW_MICROS, update_time=NOW_MICROS, revision=number)
        for number, draft in enumerate(drafts(rows, prefix), start=first)
    )
    return [(*each, encode(each)) for each in inserted]
