"""The alert rules, as Prometheus reads and evaluates them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bodega.cart.v1 import cart_pb2
from bodega.discount.v1 import discount_pb2
from bodega.product.v1 import product_pb2
from cart.servicer import CartServicer
from discount.servicer import DiscountServicer
from docs.observability.queries import ALERTS, FOLDER, panel_queries, rules, selections
from product.servicer import ProductServicer
from runtime.endless import is_endless

TEST = FOLDER / "alerts_test.yml"
SERVICES = {
    CartServicer: cart_pb2.DESCRIPTOR.services_by_name["CartService"],
    DiscountServicer: discount_pb2.DESCRIPTOR.services_by_name["DiscountService"],
    ProductServicer: product_pb2.DESCRIPTOR.services_by_name["ProductService"],
}
NAMES = [rule["alert"] for rule in rules() if "alert" in rule]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (the toolchain's own)
        [os.environ["PROMTOOL_BIN"], *arguments], capture_output=True, text=True, check=False
    )


def test_prometheus_accepts_the_rules_without_a_remark() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_four_alerts_that_fire_and_stay_silent_where_they_should() -> None:
    assert len(NAMES) == 4
    done = promtool("test", "rules", TEST)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("broken", ["vector(1) < 0", "vector(1)"], ids=["never", "always"])
def test_an_alert_that_fires_never_or_always_is_noticed(
    name: str, broken: str, tmp_path: Path
) -> None:
    alert = re.compile(rf"(- alert: {name}\n +expr: )(.+?)(\n +for: )", re.DOTALL)
    text, changes = alert.subn(lambda match: match[1] + broken + match[3], ALERTS.read_text())
    assert changes == 1
    (tmp_path / ALERTS.name).write_text(text)
    shutil.copy(TEST, tmp_path)
    done = promtool("test", "rules", tmp_path / TEST.name)
    assert done.returncode == 1
    assert f"alertname: {name}" in done.stdout + done.stderr


def left_out(metric: str) -> set[str]:
    """Return the methods that the queries of a metric pass over: all of them the same ones."""
    queries = [rule["expr"] for rule in rules()] + [query for _, query in panel_queries()]
    found = {
        selected.matchers["method"]
        for query in queries
        for selected in selections(query)
        if selected.metric == metric and "method" in selected.matchers
    }
    (methods,) = found
    return set(methods.split("|"))


def test_the_latency_of_unary_rpcs_leaves_out_the_streams_and_nothing_else() -> None:
    streams = {
        method.name
        for service in SERVICES.values()
        for method in service.methods
        if method.client_streaming or method.server_streaming
    }
    assert left_out("bodega_rpc_server_duration_seconds_bucket") == streams


def test_the_share_of_failures_leaves_out_the_streams_without_an_end_and_nothing_else() -> None:
    endless = {
        method.name
        for servicer, service in SERVICES.items()
        for method in service.methods
        if is_endless(getattr(servicer, method.name))
    }
    assert left_out("bodega_rpc_server_handled_total") == endless
