"""What a run has come to, for people."""

from collections.abc import Iterator

from e2e.shop.chaos.ledger import KINDS
from e2e.shop.chaos.run import Outcome

# Of what is wrong, the first tell enough.
_MOST_FAULTS = 50


def report(outcome: Outcome) -> Iterator[str]:
    """Return the lines: kills by part, writes by kind, and what was lost or doubled."""
    ledger, faults = outcome.ledger, outcome.faults
    yield _line("killed", "times")
    for name, times in sorted(outcome.kills.items()):
        yield _line(f"  {name}", f"{times:,}")
    yield _line("written", "acknowledged", "given up")
    for kind in KINDS:
        yield _line(f"  {kind.kind}", *(f"{count:,}" for count in ledger.counts(kind)))
    yield _line("  recognised as repeated", f"{ledger.recognised:,}")
    for fault in faults[:_MOST_FAULTS]:
        yield f"✗ {fault}"
    if faults:
        yield f"✗ {len(faults):,} faults"
    else:
        yield "✓ all that was acknowledged is there, exactly once; the shop is healthy"


def _line(title: str, *columns: str) -> str:
    return f"{title:24}" + "".join(f"{column:>14}" for column in columns)
