"""What the queries of the alert rules and of the dashboard name."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml

FOLDER = Path(__file__).parent
ALERTS = FOLDER / "alerts.yml"
DASHBOARD = FOLDER / "dashboard.json"

# What Grafana puts in, as a query needs it outside of Grafana.
_VARIABLES = {"$__rate_interval": "5m", "$service": "bodega.+"}


@dataclass(frozen=True)
class Selection:
    """A metric of a query, with the labels that the query relies on."""

    metric: str
    labels: frozenset[str]
    matchers: Mapping[str, str]


def rules() -> list[dict[str, Any]]:
    """Return the recording rules and the alerts."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def panels() -> list[dict[str, Any]]:
    """Return the panels that show something: all but the rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def panel_queries() -> Iterator[tuple[str, str]]:
    """Give the title of each panel with each of its queries, as Prometheus gets them."""
    for panel in panels():
        for target in panel["targets"]:
            query = target["expr"]
            for name, value in _VARIABLES.items():
                query = query.replace(name, value)
            yield panel["title"], query


def selections(query: str) -> list[Selection]:
    """Return what a query selects; ValueError where it is none."""
    return list(_selections(promql.parse(query), frozenset()))


def _selections(node: Any, kept: frozenset[str]) -> Iterator[Selection]:
    """Give what is selected below a node, whose result must have the labels `kept`."""
    match node:
        case promql.VectorSelector():
            matchers = {each.name: each.value for each in node.matchers.matchers}
            yield Selection(node.name or "", kept | matchers.keys(), matchers)
        case promql.MatrixSelector():
            yield from _selections(node.vector_selector, kept)
        case promql.AggregateExpr():
            grouped = node.modifier.labels if node.modifier else ()
            yield from _selections(node.expr, kept.union(grouped))
        case promql.BinaryExpr():
            matching = node.modifier.matching if node.modifier else None
            both = kept.union(matching.labels if matching else ())
            yield from _selections(node.lhs, both)
            yield from _selections(node.rhs, both)
        case promql.Call():
            for argument in node.args:
                yield from _selections(argument, kept)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _selections(node.expr, kept)
        case promql.NumberLiteral() | promql.StringLiteral():
            pass
        case _:
            message = f"unknown expression {node}"
            raise TypeError(message)
