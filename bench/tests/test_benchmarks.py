"""Each benchmark once, as short as can be: it measures, and finds the services right."""

import os
from pathlib import Path

import pytest

from bench.benchmark import Options, WrongResultError, check_equal
from bench.benchmarks import (
    add_items,
    bombs,
    get_product,
    import_products,
    memory,
    shop,
    stream_products,
    worker_file,
)
from bench.catalogue import batches, drafts
from bench.main import BENCHMARKS
from bodega.product.v1 import product_pb2


@pytest.fixture
def options(tmp_path: Path) -> Options:
    h2load = Path(os.environ["H2LOAD_BIN"])
    return Options(rounds=1, seconds=0.1, folder=tmp_path, h2load=h2load, report=lambda _: None)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_items, "CARTS", 2)
    monkeypatch.setattr(add_items, "SINGLE_ITEMS", 20)
    monkeypatch.setattr(bombs, "ZEROS_MIB", 16)
    monkeypatch.setattr(bombs, "NOISE_MIB", 8)
    monkeypatch.setattr(bombs, "AT_ONCE", 4)
    monkeypatch.setattr(get_product, "PRODUCTS", 400)
    monkeypatch.setattr(import_products, "ROWS", 400)
    monkeypatch.setattr(import_products, "SINGLE_ROWS", 20)
    monkeypatch.setattr(memory, "PRODUCTS", 1_000)
    monkeypatch.setattr(shop, "SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(shop, "BUSY_SECONDS", 1.0)
    monkeypatch.setattr(shop, "IDLE_SECONDS", 1.0)
    monkeypatch.setattr(stream_products, "PRODUCTS", 1_000)
    monkeypatch.setattr(stream_products, "SINGLE_PRODUCTS", 100)
    monkeypatch.setattr(worker_file, "ROWS", 1_000)


@pytest.mark.parametrize("name", BENCHMARKS)
async def test_a_benchmark_measures(name: str, options: Options) -> None:
    figures = await BENCHMARKS[name].run(options)
    assert figures
    for figure in figures:
        assert len(figure.rounds) == 1
        assert figure.value >= 0


def test_a_wrong_result_names_what_was_found_and_expected() -> None:
    with pytest.raises(WrongResultError, match="products imported: 3, expected 4"):
        check_equal("products imported", 3, 4)


def test_the_batches_of_an_import_hold_every_product_once() -> None:
    messages = map(product_pb2.ImportProductsRequest.FromString, batches(drafts(450), 200))
    requests = list(messages)
    assert [len(each.products) for each in requests] == [200, 200, 50]
    assert len({each.batch_id for each in requests}) == 3
    assert len({product.sku for each in requests for product in each.products}) == 450
