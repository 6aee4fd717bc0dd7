import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bodega.product.v1 import product_pb2, product_pb2_grpc
from runtime.backoff import Backoff
from runtime.client import connect
from workers.checkpoint import Checkpoint, Totals
from workers.file_import import FileOptions, Outcome, import_file
from workers.importer import Importer
from workers.rejects import Rejects
from workers.sources.record import BadRow, SourceError
from workers.stop import Stop
from workers.tests.gate import Gate
from workers.tests.processes import ProductServers, catalogue

SERVICE = product_pb2.DESCRIPTOR.services_by_name["ProductService"]
HEADER = "sku,name,price,currency,status\n"

type RunImport = Callable[..., Awaitable[Outcome]]


@pytest.fixture
async def product(product_servers: ProductServers) -> str:
    _, address = await product_servers.start()
    return address


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.csv"


@pytest.fixture
def run_import(tmp_path: Path, source: Path, product_servers: ProductServers) -> RunImport:
    """Import the source into the server at an address, in this process."""

    async def run_import(address: str, stop: Stop | None = None, **more: Any) -> Outcome:
        stop = stop or Stop()
        async with connect(address, SERVICE, tokens=product_servers.tokens) as channel:
            importer = Importer(
                product_pb2_grpc.ProductServiceStub(channel),
                stop,
                deadline=timedelta(seconds=30),
                backoff=Backoff(),
            )
            # The target stays "product" whatever port it has: these tests move it about.
            options: dict[str, Any] = {
                "source": source,
                "target": "product",
                "stream_rows": 100,
            } | more
            made = FileOptions(folder=tmp_path / "imports", **options)
            outcome = await stop.run(import_file(importer, stop, made))
            return outcome or Outcome(Totals(), finished=False)

    return run_import


def save(source: Path, content: str) -> None:
    source.write_text(content)


def lines(first: int, count: int, price: str = "1.50") -> str:
    return "".join(f"A{n},Thing {n},{price},EUR,low\n" for n in range(first, first + count))


def checkpoint_path(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "imports").glob("*.json")
    return path


async def stop_after(rows: int, tmp_path: Path, gate: Gate, run_import: RunImport) -> Checkpoint:
    """Run an import until it has recorded that many rows, with a stream halted on its way."""
    stop = Stop(drain=timedelta(0))
    gate.close_after(25 * rows)
    running = asyncio.ensure_future(run_import(gate.address, stop))
    await gate.halted()
    stop.request()
    assert not (await running).finished
    await gate.open()
    found = Checkpoint.load(checkpoint_path(tmp_path))
    assert found is not None
    return found


async def test_bad_rows_are_reported_by_line_field_and_rule_and_the_others_imported(
    tmp_path: Path, source: Path, product: str, run_import: RunImport
) -> None:
    save(
        source,
        HEADER
        + "A1,Lamp,12.50,EUR,low\n"
        + "A2,Lamp,1e3,EUR,low\n"
        + "A3,Lamp,-1,EUR,low\n"
        + "A4,Lamp,12.345,USD,low\n"
        + "A5,Lamp,1,EUX,low\n"
        + "A 6,Lamp,1,EUR,low\n"
        + "A7,,1,EUR,low\n"
        + "A8,Lamp,1,EUR,sold\n"
        + "A9,Lamp\n"
        + f"A10,{'x' * 201},1,EUR,low\n"
        + "A11,Vase,7,JPY,in stock\n",
    )
    rejects = tmp_path / "out" / "rejects.jsonl"
    outcome = await run_import(product, rejects=rejects)
    assert outcome == Outcome(Totals(inserted=2, rejected=5, skipped=4), finished=True)
    reported = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(each["line"], each["field"].partition(".")[0]) for each in reported] == [
        (3, "price"),
        (4, "price"),
        (5, "price"),
        (6, "price"),
        (7, "sku"),
        (8, "name"),
        (9, "status"),
        (10, "line"),
        (11, "name"),
    ]
    assert all(each["rule"] for each in reported)
    assert reported[2]["sku"] == "A4"
    assert [each.sku for each in await catalogue(product)] == ["A1", "A11"]


async def test_of_a_sku_that_stands_twice_the_last_row_wins(
    source: Path, product: str, run_import: RunImport
) -> None:
    save(source, HEADER + lines(0, 3, "1") + lines(0, 3, "2") + lines(0, 3, "3"))
    outcome = await run_import(product)
    assert outcome.totals == Totals(inserted=3, updated=6)
    assert [each.price.units for each in await catalogue(product)] == [3, 3, 3]


async def test_a_file_imported_again_later_takes_effect_again(
    source: Path, product: str, run_import: RunImport
) -> None:
    for price, totals in (
        ("1", Totals(inserted=5)),
        ("2", Totals(updated=5)),
        ("1", Totals(updated=5)),
        ("1", Totals(updated=5, unchanged=5)),
    ):
        save(source, HEADER + lines(0, 5, price))
        assert (await run_import(product)).totals == totals
        assert {each.price.units for each in await catalogue(product)} == {int(price)}


async def test_a_header_alone_is_imported_as_nothing(
    source: Path, product: str, run_import: RunImport
) -> None:
    save(source, HEADER)
    assert await run_import(product) == Outcome(Totals(), finished=True)


async def test_a_stopped_import_goes_on_where_it_stopped(
    tmp_path: Path, source: Path, gate: Gate, product: str, run_import: RunImport
) -> None:
    gate.upstream = product
    save(source, HEADER + lines(0, 1000))
    stopped = await stop_after(500, tmp_path, gate, run_import)
    assert 0 < stopped.totals.inserted < 1000
    outcome = await run_import(gate.address)
    assert outcome == Outcome(Totals(inserted=1000), finished=True)
    assert len(await catalogue(product)) == 1000


async def test_a_window_acknowledged_but_not_recorded_is_not_applied_twice(
    tmp_path: Path, source: Path, gate: Gate, product: str, run_import: RunImport
) -> None:
    gate.upstream = product
    save(source, HEADER + lines(0, 1000))
    stopped = await stop_after(500, tmp_path, gate, run_import)
    path = checkpoint_path(tmp_path)
    await run_import(product)
    before = await catalogue(product)
    stopped.save(path)
    outcome = await run_import(product)
    assert outcome.totals == Totals(inserted=1000)
    assert await catalogue(product) == before


async def test_a_file_that_changed_is_imported_from_its_beginning(
    tmp_path: Path, source: Path, gate: Gate, product: str, run_import: RunImport
) -> None:
    gate.upstream = product
    save(source, HEADER + lines(0, 1000))
    await stop_after(500, tmp_path, gate, run_import)
    save(source, HEADER + lines(0, 1000, "2"))
    assert (await run_import(product)).totals.rows == 1000
    assert {each.price.units for each in await catalogue(product)} == {2}


@pytest.mark.parametrize("length", [0, 1, 100, 300])
async def test_after_a_damaged_checkpoint_the_import_begins_anew(
    length: int, tmp_path: Path, source: Path, gate: Gate, product: str, run_import: RunImport
) -> None:
    gate.upstream = product
    save(source, HEADER + lines(0, 1000))
    await stop_after(500, tmp_path, gate, run_import)
    path = checkpoint_path(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    outcome = await run_import(product)
    assert outcome.finished
    assert outcome.totals.rows == 1000
    assert len(await catalogue(product)) == 1000


async def test_a_server_with_another_database_gets_all_rows(
    tmp_path: Path,
    source: Path,
    gate: Gate,
    product: str,
    product_servers: ProductServers,
    run_import: RunImport,
) -> None:
    gate.upstream = product
    save(source, HEADER + lines(0, 1000))
    await stop_after(500, tmp_path, gate, run_import)
    _, other = await product_servers.start("other")
    assert (await run_import(other)).finished
    assert len(await catalogue(other)) == 1000


async def test_a_file_that_changes_during_the_import_ends_it(
    source: Path, gate: Gate, product: str, run_import: RunImport
) -> None:
    gate.upstream = product
    save(source, HEADER + lines(0, 1000))
    gate.close_after(10_000)
    running = asyncio.ensure_future(run_import(gate.address))
    await gate.halted()
    with source.open("a") as file:
        file.write(lines(1000, 1))
    await gate.open()
    with pytest.raises(SourceError, match="changed while it was being imported"):
        await running


def test_rejects_of_a_window_that_was_not_recorded_are_written_once(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    with Rejects(path, 0) as rejects:
        recorded = rejects.report([BadRow(2, "price", "is missing")])
        rejects.report([BadRow(9, "price", "is missing")])
    with Rejects(path, recorded) as rejects:
        rejects.report([BadRow(9, "price", "is missing")])
    assert [json.loads(line)["line"] for line in path.read_text().splitlines()] == [2, 9]


def test_rejects_that_somebody_removed_are_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    with Rejects(path, 1000) as rejects:
        rejects.report([BadRow(9, "price", "is missing")])
    assert json.loads(path.read_text()) == {"line": 9, "field": "price", "rule": "is missing"}
