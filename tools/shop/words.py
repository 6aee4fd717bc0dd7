"""Numbers as people read them."""

from collections.abc import Mapping, Sequence

_BARS = "▁▂▃▄▅▆▇█"


def duration_words(seconds: float) -> str:
    """Write 75.3 as `1m 15s`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def latency_words(seconds: float | None) -> str:
    """Write 0.00123 as `1.2 ms`; a dash where nothing is known."""
    if seconds is None:
        return "-"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.{1 if seconds < 0.01 else 0}f} ms"
    return f"{seconds:.1f} s"


def rate_words(rate: float | None) -> str:
    """Write calls a second; a dash where nothing is known."""
    if rate is None:
        return "-"
    return f"{rate:.1f}" if 0 < rate < 10 else f"{rate:,.0f}"


def number_words(value: float) -> str:
    """Write 51200.0 as `51,200`."""
    return f"{value:,.0f}"


def count_words(counts: Mapping[str, float]) -> str:
    """Write `51,200 products · 3 rejected`."""
    return " · ".join(f"{number_words(value)} {title}" for title, value in counts.items())


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the newest values as bars, the highest full; nothing where all are zero."""
    newest = values[-width:] if width > 0 else []
    top = max(newest, default=0)
    if top <= 0:
        return ""
    return "".join(_BARS[round(max(0.0, value) / top * (len(_BARS) - 1))] for value in newest)
