from bodega.product.v1 import product_pb2
from workers.generator import Generator


def test_the_same_worker_and_sequence_number_give_the_same_batches() -> None:
    assert Generator("a", 1000, 300).requests(7) == Generator("a", 1000, 300).requests(7)


def test_other_rows_always_come_with_other_batch_ids() -> None:
    some = [
        request
        for generator in (
            Generator("a", 1000, 300),
            Generator("b", 1000, 300),
            Generator("a", 999, 300),
            Generator("a", 1000, 299),
        )
        for sequence in range(5)
        for request in generator.requests(sequence)
    ]
    assert len({request.batch_id for request in some}) == len(some)
    (*_, longest) = Generator("f" * 32, 10**8, 10**5).requests(10**9)
    assert len(longest.batch_id) <= 128


def test_an_interval_has_each_sku_once_in_batches_of_200() -> None:
    requests = Generator("a", 1000, 1000).requests(3)
    assert [len(request.products) for request in requests] == [200] * 5
    assert len({product.sku for request in requests for product in request.products}) == 1000


def test_all_workers_fill_the_same_catalogue_and_no_larger_one() -> None:
    skus = {
        product.sku
        for worker in ("a", "b")
        for sequence in range(12)
        for product in Generator(worker, 500, 100).products(sequence)
    }
    assert len(skus) == 500


def test_a_later_round_changes_price_and_status_and_nothing_else() -> None:
    generator = Generator("a", 300, 300)
    first, second = ({p.sku: p for p in generator.products(s)} for s in (0, 1))
    assert first.keys() == second.keys()
    for sku, product in first.items():
        assert (product.name, product.description) == (second[sku].name, second[sku].description)
        assert product.price.currency_code == second[sku].price.currency_code
    assert sum(first[sku].price != second[sku].price for sku in first) > 150
    assert sum(first[sku].status != second[sku].status for sku in first) > 50


def test_the_catalogue_looks_like_a_shop() -> None:
    products = Generator("a", 5000, 5000).products(0)
    currencies = {product.price.currency_code for product in products}
    statuses = [product.status for product in products]
    assert currencies == {"EUR", "USD", "GBP", "CHF", "SEK", "JPY", "KWD"}
    assert statuses.count(product_pb2.PRODUCT_STATUS_IN_STOCK) > 3500
    assert set(statuses) == {1, 2, 3}
    assert len({product.name for product in products}) > 2500
    for product in products:
        assert 0 < product.price.units < 100_000
        assert product.price.currency_code != "JPY" or product.price.nanos == 0
