"""What docs/observability.md, the alerts and the dashboard name is what the shop says."""

import asyncio
import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.samples import Sample

from docs.observability.queries import ALERTS, FOLDER, panel_queries, rules, selections
from e2e.shop.running import BUSY
from e2e.shop.tests.recording import Recording, record
from tools.shop.parts import PARTS

pytestmark = pytest.mark.integration

PAGE = (FOLDER.parent / "observability.md").read_text()
ROW = re.compile(
    r"^\| `(?P<name>\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]+) \| (?P<of>[^|]+) \|", re.MULTILINE
)
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Family(NamedTuple):
    """A metric as a query names it; a histogram without the endings of its series."""

    kind: str
    labels: frozenset[str]
    of: frozenset[str]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    data = tmp_path_factory.mktemp("shop") / "data"
    data.mkdir(0o700)
    return asyncio.run(record(data, BUSY))


def scrape_config() -> dict[str, Any]:
    (block,) = YAML.findall(PAGE)
    config: dict[str, Any] = yaml.safe_load(block)
    return config


def targets() -> Iterator[tuple[str, dict[str, str]]]:
    """Give each target of the page's example with its labels."""
    for job in scrape_config()["scrape_configs"]:
        for group in job["static_configs"]:
            for target in group["targets"]:
                yield target, {"job": job["job_name"], "instance": target} | group["labels"]


def documented() -> dict[str, Family]:
    """Return what the page's tables say."""
    return {
        row["name"]: Family(
            row["kind"],
            frozenset(re.findall(r"`(\w+)`", row["labels"])),
            frozenset(row["of"].split(", ")),
        )
        for row in ROW.finditer(PAGE)
    }


def scraped(recording: Recording) -> dict[str, Family]:
    """Return what the parts say of their own."""
    labels: defaultdict[str, set[str]] = defaultdict(set)
    parts: defaultdict[str, set[str]] = defaultdict(set)
    kinds: dict[str, str] = {}
    for part, family in recording.families():
        if family.name.startswith("bodega_") and not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            kinds[name] = family.type
            parts[name].add(part)
            labels[name].update(*(sample.labels.keys() - {"le"} for sample in family.samples))
    return {
        name: Family(kind, frozenset(labels[name]), frozenset(parts[name]))
        for name, kind in kinds.items()
    }


def series(recording: Recording) -> dict[str, frozenset[str]]:
    """Return the labels by the name of the series: those of the parts, Prometheus', recorded."""
    of_target = frozenset(label for _, labels in targets() for label in labels)
    found: defaultdict[str, frozenset[str]] = defaultdict(lambda: of_target)
    for _, family in recording.families():
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    recorded = {rule["record"]: frozenset({"service"}) for rule in rules() if "record" in rule}
    return {**found, **recorded, "up": of_target}


def test_the_page_describes_every_metric_of_every_part_and_no_other(recording: Recording) -> None:
    assert documented() == scraped(recording)


def test_every_metric_that_the_page_mentions_is_there(recording: Recording) -> None:
    mentioned = set(re.findall(r"`(bodega_\w+)", PAGE))
    assert mentioned <= scraped(recording).keys()


def test_every_metric_and_label_of_the_alerts_and_the_dashboard_is_there(
    recording: Recording,
) -> None:
    known = series(recording)
    queries = [(rule.get("alert", rule.get("record")), rule["expr"]) for rule in rules()]
    for name, query in [*queries, *panel_queries()]:
        for selected in selections(query):
            assert selected.metric in known, f"{name}: {selected.metric}"
            missing = selected.labels - known[selected.metric]
            assert not missing, f"{name}: {selected.metric} has no {missing}"


def test_every_count_of_the_shops_screen_is_there(recording: Recording) -> None:
    for part in PARTS:
        names = {sample.name for each in recording.later[part.name] for sample in each.samples}
        assert {count.metric for count in part.counts} <= names, part.name


def test_the_example_for_prometheus_scrapes_every_part_where_it_listens(tmp_path: Path) -> None:
    assert {target: labels["part"] for target, labels in targets()} == {
        f"127.0.0.1:{part.metrics.default}": part.name for part in PARTS
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(scrape_config()))
    (tmp_path / ALERTS.name).write_text(ALERTS.read_text())
    done = promtool("check", "config", str(tmp_path / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_query_of_the_dashboard_shows_something_of_a_busy_shop(
    recording: Recording, tmp_path: Path
) -> None:
    queries = [query for _, query in panel_queries()]
    something = [
        {
            "expr": f"count({query}) > bool 0",
            "eval_time": "1m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for query in queries
    ]
    test = {"interval": "1m", "input_series": list(replayed(recording))}
    file = tmp_path / "dashboard_test.json"
    file.write_text(json.dumps({"tests": [test | {"promql_expr_test": something}]}))
    done = promtool("test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def replayed(recording: Recording) -> Iterator[dict[str, str]]:
    """Give the two scrapes as series of two samples, a minute apart."""
    for _, labels in targets():
        yield _one_series("up", labels, 1, 1)
        earlier = _values(recording.earlier[labels["part"]])
        for key, value in _values(recording.later[labels["part"]]).items():
            name, own = key
            yield _one_series(name, dict(own) | labels, earlier.get(key), value)


def _values(families: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    samples: Iterator[Sample] = (sample for family in families for sample in family.samples)
    return {(each.name, frozenset(each.labels.items())): each.value for each in samples}


def _one_series(
    name: str, labels: dict[str, str], earlier: float | None, later: float
) -> dict[str, str]:
    inner = ", ".join(f"{label}={json.dumps(value)}" for label, value in labels.items())
    first = "_" if earlier is None else earlier
    return {"series": f"{name}{{{inner}}}", "values": f"{first} {later}"}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (the toolchain's own)
        [os.environ["PROMTOOL_BIN"], *arguments], capture_output=True, text=True, check=False
    )
