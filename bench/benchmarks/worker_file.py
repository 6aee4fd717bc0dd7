"""The product worker importing a file, from its start to its end."""

import asyncio
import csv
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from bench.benchmark import Options, check_equal
from bench.catalogue import drafts
from bench.measure import Figure, Series, in_turns
from bench.process import default_environment
from bench.product_server import WORKER, product_server
from bench.served import free_port

ROWS = 100_000
STATUSES = {1: "in_stock", 2: "low", 3: "out_of_stock"}


async def run(options: Options) -> Sequence[Figure]:
    """Import the file into an empty catalogue in each round."""
    file = _write_file(options.folder / "catalogue.csv")
    numbers = count()

    async def imported() -> float:
        return await _import(file, options.folder / f"round-{next(numbers)}")

    reached = await in_turns({"worker": imported}, min(options.rounds, 3), options.report)
    return [Figure(f"worker, CSV of {ROWS:,}", Series("worker", "products/s", reached["worker"]))]


def _write_file(path: Path) -> Path:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("sku", "name", "description", "price", "currency", "status"))
        for sku, name, description, currency, minor, status in drafts(ROWS):
            price = f"{minor // 100}.{minor % 100:02d}"
            rows.writerow((sku, name, description, price, currency, STATUSES[status]))
    return path


async def _import(file: Path, folder: Path) -> float:
    async with product_server(folder) as server:
        begin = time.perf_counter()
        code = await _run_worker(
            *("--source", str(file), "--target", server.address, "--data", str(folder / "worker")),
            *("--metrics-listen", f"127.0.0.1:{free_port()}"),
            *("--issuer", server.issuer.url),
            *("--client-secret-file", str(server.issuer.write_secret(folder, WORKER))),
        )
        seconds = time.perf_counter() - begin
        check_equal("exit code of the worker", code, 0)
        check_equal("products imported", await server.count(), ROWS)
    return ROWS / seconds


async def _run_worker(*flags: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers.product_worker", *flags),
        env=default_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
