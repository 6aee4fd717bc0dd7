"""What the server does without until somebody needs it: memory that most never pay for."""

import subprocess
import sys

DEAR = {"alembic", "asyncpg", "grpc", "google.protobuf", "httpx", "jinja2", "sqlalchemy.orm"}

PROGRAM = """
import identity.server, sys
print(*sys.modules, sep="\\n")
"""


def test_the_server_imports_nothing_dear_that_it_may_never_use() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
    imported = set(done.stdout.decode().split())
    assert "identity.server" in imported
    assert imported & DEAR == set()
