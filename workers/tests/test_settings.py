from pathlib import Path

import pytest

from runtime.settings import load
from workers.product_settings import ProductWorkerSettings


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.csv"
    path.write_text("sku\n")
    return path


def complaint(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    with pytest.raises(SystemExit) as exit_info:
        load(ProductWorkerSettings, argv)
    assert exit_info.value.code == 2
    return capsys.readouterr().err


def test_without_flags_it_finds_product_on_its_default_port() -> None:
    settings = load(ProductWorkerSettings, [])
    assert settings.target == "127.0.0.1:50051"
    assert settings.metrics_listen == "127.0.0.1:9061"
    assert settings.source is None


def test_pairs_are_read(catalogue: Path) -> None:
    pairs = ["--map", "Nr=sku, Preis = price", "--default", "currency=EUR"]
    settings = load(ProductWorkerSettings, ["--source", str(catalogue), *pairs])
    assert settings.mapping == {"Nr": "sku", "Preis": "price"}
    assert settings.defaults == {"currency": "EUR"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--source", "catalogue.xls"], "--source: catalogue.xls: the name must end in .csv"),
        (["--source", "absent.csv"], "--source: there is no file absent.csv"),
        (["--map", "a"], "--map: must be pairs such as a=b"),
        (["--map", "a=colour"], "--map: 'colour' is none of sku"),
        (["--map", "a=sku,b=sku"], "--map: more than one column for sku"),
        (["--default", "sku=A1"], "--default: 'sku' is none of name"),
        (["--batch", "20", "--catalogue-size", "10"], "--batch: must not be more than"),
        (["--interval", "0s"], "--interval: "),
        (["--deadline", "soon"], "--deadline: must be a duration"),
        (["--stream-rows", "10001"], "--stream-rows: "),
    ],
)
def test_a_wrong_flag_is_named_with_its_rule(
    capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert message in complaint(capsys, *argv)


def test_the_rejects_may_not_overwrite_the_source(
    capsys: pytest.CaptureFixture[str], catalogue: Path
) -> None:
    argv = ["--source", str(catalogue), "--rejects", str(catalogue.parent / "." / "catalogue.csv")]
    assert "--rejects: must not be the file of --source" in complaint(capsys, *argv)


def test_help_names_the_exit_codes_and_every_flag_says_something(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        load(ProductWorkerSettings, ["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert exit_info.value.code == 0
    assert text.startswith("usage: product-worker [flags] ")
    assert "3 the whole file was read, and some of its rows were not imported" in text
    assert "BODEGA_PRODUCT_WORKER_CATALOGUE_SIZE" in text
