import pytest

from runtime.settings import load
from workers.cart_settings import CartWorkerSettings


def test_without_flags_it_finds_product_and_cart_on_their_default_ports() -> None:
    settings = load(CartWorkerSettings, [])
    assert (settings.product, settings.cart) == ("127.0.0.1:50051", "127.0.0.1:50052")
    assert settings.metrics_listen == "127.0.0.1:9062"


def test_lists_are_read() -> None:
    settings = load(CartWorkerSettings, ["--codes", "A, b-1", "--currencies", "EUR ,JPY"])
    assert settings.discount_codes == ["A", "b-1"]
    assert settings.currency_codes == ["EUR", "JPY"]


def test_without_codes_items_are_bought_without_one() -> None:
    assert load(CartWorkerSettings, ["--codes", ","]).discount_codes == [""]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--codes", "TEN %"], "--codes: 'TEN %' is no discount code"),
        (["--currencies", "EUR,XAU"], "--currencies: 'XAU' is no currency of ISO 4217"),
        (["--currencies", ","], "--currencies: must be one currency or more"),
        (["--items", "0"], "--items: "),
        (["--interval", "0s"], "--interval: "),
        (["--cart", "192.0.2.1:50052"], "--cart: "),
    ],
)
def test_a_wrong_flag_is_named_with_its_rule(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        load(CartWorkerSettings, argv)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err
