"""The dashboard, as whoever imports it needs it to be."""

import re
from itertools import combinations
from typing import Any

import pytest

from docs.observability.queries import DASHBOARD, dashboard, panel_queries, panels, selections

SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_the_data_source_is_a_variable_and_used_by_every_panel() -> None:
    [source] = [each for each in dashboard()["templating"]["list"] if each["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    assert all(panel["datasource"] == SOURCE for panel in panels())


def test_nothing_in_it_is_of_the_grafana_that_it_was_made_with() -> None:
    text = DASHBOARD.read_text()
    assert "id" not in dashboard()
    assert not re.search(r"://|localhost|\d+\.\d+\.\d+\.\d+", text)
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"bodega-shop", "${datasource}"}


def test_every_panel_has_an_id_and_a_place_of_its_own() -> None:
    all_panels: list[dict[str, Any]] = dashboard()["panels"]
    assert len({panel["id"] for panel in all_panels}) == len(all_panels)
    places = [panel["gridPos"] for panel in all_panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def test_every_variable_of_a_query_is_one_of_the_dashboard_or_of_grafana() -> None:
    known = {each["name"] for each in dashboard()["templating"]["list"]} | {"__rate_interval"}
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    used = {name for each in expressions for name in re.findall(r"\$\{?(\w+)", each)}
    assert used <= known


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_every_label_of_a_legend_is_one_that_the_query_keeps(panel: dict[str, Any]) -> None:
    queries = [query for title, query in panel_queries() if title == panel["title"]]
    for target, query in zip(panel["targets"], queries, strict=True):
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        # Whoever scrapes gives each target its part.
        kept = frozenset({"part"}).union(*(each.labels for each in selections(query)))
        assert named <= kept
