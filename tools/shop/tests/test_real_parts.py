"""The shop as it is: the real servers, and the real workers."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

type Start = Callable[..., Any]

# The product worker is healthy once its first batch is stored, which is the whole catalogue.
QUICK = {
    "BODEGA_PRODUCT_WORKER_INTERVAL": "100ms",
    "BODEGA_PRODUCT_WORKER_BATCH": "100",
    "BODEGA_PRODUCT_WORKER_CATALOGUE_SIZE": "100",
    "BODEGA_CART_WORKER_INTERVAL": "100ms",
}


@pytest.fixture
def real_shop(shop: Start) -> Start:
    def start(*flags: str, **env: str) -> Any:
        return shop(None, *flags, env=os.environ | QUICK | env)

    return start


def test_a_fresh_shop_runs_well(real_shop: Start, tmp_path: Path) -> None:
    data = tmp_path / "a folder #1"
    code, out, err = real_shop("--for", "5s", "--data", str(data)).end()
    assert code == 0, out + err
    assert "product-worker: healthy" in out
    assert re.search(r"product-worker: \d+ batches · 100 inserted", out), out
    assert re.search(r"cart-worker: \d+ visits · [1-9]\d* added · \d+ rejected", out), out
    # What was imported was imported with a token, and the secret for it is nobody else's.
    assert re.search(r"identity: [1-9]\d* tokens", out), out
    assert (data / "product.db").exists()
    assert (data / "clients" / "product-worker.secret").stat().st_mode & 0o777 == 0o600


def test_the_catalogue_is_kept_from_run_to_run(real_shop: Start) -> None:
    for _ in range(2):
        code, out, err = real_shop("--for", "5s").end()
        assert code == 0, out + err
    assert " 0 inserted" in out
    assert "product: 100 products" in out


@pytest.mark.parametrize("server", ["identity", "product", "discount", "cart"])
def test_the_shop_survives_a_server_that_is_killed(real_shop: Start, server: str) -> None:
    running = real_shop()
    killed = running.pid_of(server)
    running.read_until("cart-worker: healthy")
    os.kill(killed, signal.SIGKILL)
    running.read_until(f"{server}: restarting")
    running.read_until(f"{server}: healthy")
    running.process.send_signal(signal.SIGTERM)
    code, out, err = running.end()
    assert code == 0, out + err
    assert "worker: restarting" not in out


def test_a_worker_that_has_read_its_file_is_done(real_shop: Start, tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.csv"
    rows = "".join(f"sku-{n},Name {n},1.50,EUR,in_stock\n" for n in range(300))
    catalogue.write_text("sku,name,price,currency,status\n" + rows)
    # A relative path is of the folder that the user is in.
    code, out, err = real_shop(
        *("--for", "5s"),
        BODEGA_PRODUCT_WORKER_SOURCE=catalogue.name,
        BUILD_WORKING_DIRECTORY=str(tmp_path),
    ).end()
    assert code == 0, out + err
    assert "product-worker: done" in out
