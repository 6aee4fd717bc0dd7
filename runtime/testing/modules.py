"""The modules that a program imports at its start."""

import subprocess
import sys

# What a server on SQLite whose traces go nowhere has no use for: some 20 MB in all.
DEAR = frozenset(
    {
        "alembic",
        "asyncpg",
        "opentelemetry.sdk",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.orm",
    }
)


def modules_of(program: str) -> set[str]:
    """Return the names of all modules that are there once the program's own is imported."""
    code = f'import {program}, sys; print(*sys.modules, sep="\\n")'
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    return set(done.stdout.decode().split())
