"""kill -9 of either side in the middle of an import."""

import json
from pathlib import Path

import pytest

from bodega.product.v1 import product_pb2
from workers.checkpoint import Checkpoint
from workers.rows import money
from workers.tests.gate import Gate
from workers.tests.processes import ProductServers, Program, catalogue

WORKER = "workers.product_worker"


def row(number: int) -> dict[str, str]:
    return {
        "sku": f"SKU-{number:06}",
        "name": f"Thing no. {number}",
        "description": f'The "best" of things,\nnumber {number}, made to be repaired.',
        "price": f"{number % 900}.{number % 100:02}",
        "currency": ("EUR", "USD", "GBP")[number % 3],
        "status": ("in_stock", "low", "out_of_stock")[number % 7 % 3],
    }


def write(path: Path, count: int) -> None:
    rows = (row(number) for number in range(count))
    with path.open("w", encoding="utf-8") as file:
        match path.suffix:
            case ".csv":
                file.write(",".join(row(0)) + "\n")
                for each in rows:
                    quoted = (value.replace('"', '""') for value in each.values())
                    file.write(",".join(f'"{value}"' for value in quoted) + "\n")
            case ".jsonl":
                file.writelines(json.dumps(each) + "\n" for each in rows)
            case ".json":
                json.dump(list(rows), file, indent=1)


def expected(count: int) -> list[tuple[str, ...]]:
    return [content(row(number)) for number in range(count)]


def content(row: dict[str, str]) -> tuple[str, ...]:
    price = money(row["price"], row["currency"])
    return (
        row["sku"],
        row["name"],
        row["description"],
        f"{price.units}.{price.nanos} {price.currency_code}",
        f"PRODUCT_STATUS_{row['status'].upper()}",
    )


def stored(product: product_pb2.Product) -> tuple[str, ...]:
    return (
        product.sku,
        product.name,
        product.description,
        f"{product.price.units}.{product.price.nanos} {product.price.currency_code}",
        product_pb2.ProductStatus.Name(product.status),
    )


@pytest.mark.parametrize(
    ("suffix", "count", "stream_rows"),
    [("csv", 100_000, 10_000), ("jsonl", 20_000, 2_000), ("json", 20_000, 2_000)],
)
async def test_each_product_is_there_exactly_once_after_both_sides_were_killed(
    suffix: str,
    count: int,
    stream_rows: int,
    tmp_path: Path,
    gate: Gate,
    product_servers: ProductServers,
    token_flags: tuple[str, ...],
) -> None:
    source, data = tmp_path / f"catalogue.{suffix}", tmp_path / "data"
    write(source, count)
    flags = (
        *token_flags,
        *("--source", str(source), "--data", str(data), "--target", gate.address),
        *("--metrics-listen", "127.0.0.1:0", "--stream-rows", str(stream_rows)),
        *("--max-backoff", "200ms"),
    )
    third = 45 * count

    server, gate.upstream = await product_servers.start()
    gate.close_after(third)
    async with Program.running(WORKER, *flags) as worker:
        await gate.halted()
        await server.kill()
        await worker.event("product is away, trying again")

        server, gate.upstream = await product_servers.start()
        before_second_kill = len(await catalogue(gate.upstream))
        assert 0 < before_second_kill < count
        await gate.open()
        gate.close_after(third)
        await gate.halted()
        await worker.kill()

    (checkpoint_path,) = (data / "imports").glob("*.json")
    checkpoint = Checkpoint.load(checkpoint_path)
    assert checkpoint is not None
    assert 0 < checkpoint.totals.rows < count
    assert checkpoint.totals.rows <= len(await catalogue(gate.upstream)) < count

    await gate.open()
    async with Program.running(WORKER, *flags) as worker:
        assert await worker.ended() == 0, worker.text
    finished = await worker.event("import finished")
    assert (finished["inserted"], finished["updated"]) == (count, 0)
    assert (await worker.event("resuming"))["rows"] == checkpoint.totals.rows
    assert sorted(map(stored, await catalogue(gate.upstream))) == expected(count)
    assert not checkpoint_path.exists()
