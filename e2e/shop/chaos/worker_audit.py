"""What must hold between the state that a worker keeps and what the servers have of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from e2e.shop.audit import batches

# Cut by the worker as the API advises.
_BATCH_PRODUCTS = 200


def worker_faults(data: Path, *, products: int) -> Iterator[str]:
    """Say which batches of the workers are lost, or were never sent.

    A worker numbers its batches, and moves on only once one is acknowledged: the servers must have
    every number below the one it is at, and may have that one. `products` is how many the product
    worker sends at each number; they are cut into batches, which are numbered too.
    """
    yield from _product_worker(data, -(-products // _BATCH_PRODUCTS))
    yield from _cart_worker(data)


def _product_worker(data: Path, chunks: int) -> Iterator[str]:
    state = _state(data / "product_worker.json")
    # generated/<edition>/<worker>/<sizes>/<number>/<chunk>
    found = [
        batch.split("/")
        for batch in batches(data / "product.db", "import_batches", "generated/", key="batch_id")
    ]
    numbers = sorted(
        int(number) * chunks + int(chunk)
        for *_, worker, _, number, chunk in found
        if worker == state["worker_id"]
    )
    done = state["sequence"] * chunks
    yield from _gaps("product-worker", numbers, done, done + chunks)


def _cart_worker(data: Path) -> Iterator[str]:
    state = _state(data / "cart_worker.json")
    prefix = f"visit/{state['worker_id']}/"
    found = batches(data / "cart.db", "item_batches", prefix)
    numbers = sorted(int(batch.removeprefix(prefix)) for batch in found)
    done = state["sequence"]
    yield from _gaps("cart-worker", numbers, done, done + (state["visit"] is not None))


def _gaps(worker: str, numbers: list[int], least: int, most: int) -> Iterator[str]:
    """Compare with 0, 1, 2 … of which there must be so many at least, and at most."""
    if not least:
        yield f"{worker} has done nothing"
    if numbers != [*range(len(numbers))] or not least <= len(numbers) <= most:
        lost = sorted(set(range(least)) - set(numbers))
        extra = [number for number in numbers if number >= most]
        yield f"of {worker}'s batches {lost} are lost, {extra} were never sent"


def _state(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(path.read_text())
    return state
