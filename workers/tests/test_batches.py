import json
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.batches import BATCH_BYTES, WINDOW_BYTES, Place, Window, WindowReader
from workers.rows import ProductReader
from workers.sources.catalogue import CatalogueFile
from workers.sources.fields import FieldMap
from workers.sources.record import BadRow

type Windows = Callable[..., list[Window]]

DEFAULTS = {"name": "Lamp", "price": "1", "currency": "EUR", "status": "low"}


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    """Read the windows of a catalogue of these SKUs, perhaps from a place on."""

    def windows(
        skus: list[str],
        *,
        suffix: str = "csv",
        rows: int = 10,
        place: Place | None = None,
        description: str = "",
    ) -> list[Window]:
        path = tmp_path / f"c.{suffix}"
        objects = [json.dumps({"sku": sku, "description": description}) for sku in skus]
        match suffix:
            case "csv":
                lines = [f"{sku},{description}" for sku in skus]
                path.write_text("\n".join(["sku,description", *lines]))
            case "jsonl":
                path.write_text("\n".join(objects))
            case "json":
                path.write_text("[" + ",\n".join(objects) + "]")
        with CatalogueFile(path) as file:
            source = file.read(FieldMap(defaults=DEFAULTS), place.position if place else None)
            chunk = place.chunk if place else 0
            reader = WindowReader(
                source, ProductReader(DEFAULTS), prefix="file/1", chunk=chunk, rows=rows
            )
            return list(iter(reader.read, None))

    return windows


def skus_of(window: Window) -> list[list[str]]:
    return [[product.sku for product in batch.products] for batch in window.batches]


def test_batches_are_numbered_through_the_file_and_hold_200_products(windows: Windows) -> None:
    first, second = windows([f"A{n}" for n in range(500)], rows=450)
    assert [len(batch.products) for batch in first.batches] == [200, 200, 50]
    assert [batch.batch_id for batch in first.batches] == ["file/1/0", "file/1/1", "file/1/2"]
    assert [batch.batch_id for batch in second.batches] == ["file/1/3"]
    assert first.batches[1].lines[:2] == [202, 203]
    assert first.end == second.start


def test_a_sku_that_comes_again_begins_a_batch_so_that_the_later_row_wins(windows: Windows) -> None:
    (window,) = windows(["A", "B", "A", "C", "A"])
    assert skus_of(window) == [["A", "B"], ["A", "C"], ["A"]]


def test_a_batch_of_large_products_holds_fewer(windows: Windows) -> None:
    (window,) = windows([f"A{n}" for n in range(100)], rows=100, description="x" * 4000)
    assert len(window.batches) > 1
    assert max(batch.size for batch in window.batches) < BATCH_BYTES + 5000


def test_a_window_of_large_products_holds_fewer(windows: Windows) -> None:
    found = windows([f"A{n}" for n in range(3000)], rows=10_000, description="x" * 4000)
    assert len(found) > 1
    assert max(sum(batch.size for batch in w.batches) for w in found) < WINDOW_BYTES + 5000


def test_bad_rows_count_towards_the_size_of_a_window(windows: Windows) -> None:
    first, second = windows(["A", " ", " ", " ", "B"], rows=4)
    assert [row.line for row in first.skipped] == [3, 4, 5]
    assert first.skipped[0] == BadRow(3, "sku", "is missing", " ")
    assert skus_of(second) == [["B"]]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_a_reader_started_at_the_end_of_a_window_gives_the_windows_after_it(
    windows: Windows, suffix: str
) -> None:
    skus = [f"A{n}" for n in range(1000)]
    all_of_them = windows(skus, suffix=suffix, rows=130)
    assert len(all_of_them) == 8
    assert windows(skus, suffix=suffix, rows=130, place=all_of_them[0].start) == all_of_them
    for done, window in enumerate(all_of_them, start=1):
        assert windows(skus, suffix=suffix, rows=130, place=window.end) == all_of_them[done:]
