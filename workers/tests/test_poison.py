"""Rows that Product fails at every time, for a reason of its own."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from workers.generator import Generator
from workers.state import WorkerState
from workers.tests.gate import Gate
from workers.tests.processes import ProductServers, Program, catalogue

WORKER = "workers.product_worker"
HEADER = "sku,name,price,currency,status\n"


@pytest.fixture
def flags(tmp_path: Path, gate: Gate, token_flags: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *token_flags,
        *("--target", gate.address, "--data", str(tmp_path / "data")),
        *("--metrics-listen", "127.0.0.1:0", "--max-backoff", "10ms"),
    )


def poison(tmp_path: Path, sku: str) -> None:
    """Make Product's own database fail at a row, as no rule of Product's foresees."""
    with closing(sqlite3.connect(tmp_path / "product.db")) as database, database:
        database.execute(
            "CREATE TRIGGER poison BEFORE INSERT ON products"
            f" WHEN NEW.sku = '{sku}' BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )


def cure(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "product.db")) as database, database:
        database.execute("DROP TRIGGER poison")


async def test_a_file_stops_at_the_batch_that_product_fails_at_and_goes_on_once_it_is_cured(
    flags: tuple[str, ...], tmp_path: Path, gate: Gate, product_servers: ProductServers
) -> None:
    source = tmp_path / "catalogue.csv"
    source.write_text(HEADER + "".join(f"A{n},Thing {n},1.50,EUR,low\n" for n in range(3000)))
    _, gate.upstream = await product_servers.start()
    poison(tmp_path, "A1250")
    flags = ("--source", str(source), "--stream-rows", "1000", *flags)
    async with Program.running(WORKER, *flags) as worker:
        assert await worker.ended() == 1, worker.text
    # Line 1 is the header, and a batch holds 200 rows: A1200 to A1399.
    assert f"{source}: lines 1202 to 1401 (batch file/" in worker.text
    assert "INTERNAL: internal error" in worker.text
    assert "Traceback" not in worker.text
    assert len(await catalogue(gate.upstream)) == 1200
    cure(tmp_path)
    async with Program.running(WORKER, *flags) as worker:
        assert await worker.ended() == 0, worker.text
    assert worker.named("resuming")[0]["line"] == 1002
    assert len(await catalogue(gate.upstream)) == 3000


async def test_made_up_products_go_on_with_the_next_after_a_batch_that_product_fails_at(
    flags: tuple[str, ...], tmp_path: Path, gate: Gate, product_servers: ProductServers
) -> None:
    _, gate.upstream = await product_servers.start()
    poison(tmp_path, Generator("a", 100_000, 400).products(0)[250].sku)
    state = tmp_path / "data" / "product_worker.json"
    WorkerState("a").save(state)
    flags = ("--interval", "50ms", "--batch", "400", "--catalogue-size", "100000", *flags)
    async with Program.running(WORKER, *flags) as worker:
        given_up = await worker.event("products given up")
        assert given_up["sequence"] == 0
        assert given_up["batch"] == "generated/1/a/100000-400/0/1"
        assert (await worker.event("products imported"))["sequence"] == 1
        worker.process.send_signal(signal.SIGTERM)
        assert await worker.ended() == 0, worker.text
