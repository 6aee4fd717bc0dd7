"""The figures as a table for people and as JSON for programs."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from bench.machine import Machine
from bench.measure import Figure, Series

type Figures = Mapping[str, Sequence[Figure]]


def table(figures: Figures) -> Table:
    """Return the table; a section a benchmark."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("figure", no_wrap=True)
    for name in ("measured", "against", "result", "spread", "target"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("")
    for benchmark, found in figures.items():
        made.add_section()
        made.add_row(f"[dim]{benchmark}[/dim]")
        for figure in found:
            made.add_row(*_cells(figure))
    return made


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        f"  {figure.name}",
        series(figure.measured),
        "" if figure.against is None else number(figure.against.median),
        "" if figure.against is None else ratio(figure.value),
        _spread(figure),
        _target(figure),
        _verdict(figure),
    )


def series(found: Series) -> str:
    """Return the median with its unit: "21,300 calls/s"."""
    return f"{number(found.median)} {found.unit}"


def ratio(value: float) -> str:
    """Return a ratio: "4.03 x", "151 x"."""
    return f"{number(value)} x"


def number(value: float) -> str:
    """Return three significant digits, thousands apart: "0.421", "17.3", "21,300"."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def _spread(figure: Figure) -> str:
    low, high = figure.spread
    return "" if len(figure.rounds) < 2 else f"{number(low)} … {number(high)}"


def _target(figure: Figure) -> str:
    match figure.target:
        case None:
            return ""
        case target:
            sign = "≥" if target.kind == "at least" else "<"
            unit = "x" if figure.against is not None else figure.measured.unit
            return f"{sign} {number(target.bound)} {unit}"


def _verdict(figure: Figure) -> str:
    if figure.target is None:
        return ""
    return "[bold red]missed[/]" if figure.is_missed else "[green]met[/]"


def as_json(machine: Machine, figures: Figures) -> dict[str, object]:
    """Return everything, each round included."""
    return {
        "machine": machine.as_json(),
        "benchmarks": {
            benchmark: [_figure_json(each) for each in found]
            for benchmark, found in figures.items()
        },
    }


def _figure_json(figure: Figure) -> dict[str, object]:
    made: dict[str, object] = {
        "name": figure.name,
        "value": figure.value,
        "unit": figure.measured.unit if figure.against is None else "ratio",
        "rounds": figure.rounds,
        "measured": _series_json(figure.measured),
    }
    if figure.against is not None:
        made["against"] = _series_json(figure.against)
    if figure.target is not None:
        made["target"] = {figure.target.kind: figure.target.bound}
        made["met"] = not figure.is_missed
    return made


def _series_json(found: Series) -> dict[str, object]:
    return {
        "side": found.side,
        "unit": found.unit,
        "median": found.median,
        "rounds": found.values,
    }
