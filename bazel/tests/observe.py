"""What a process sees of the machine that it runs on; as a program, writes it as JSON."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import TypedDict


class View(TypedDict):
    """A process's surroundings."""

    environment: dict[str, str]
    root: list[str]
    network_interfaces: list[str]
    routes: int
    processes: int
    python_sha256: str
    python_version: list[int]
    python_path: list[str]
    uid: int


def observe() -> View:
    """Look around, touching nothing."""
    proc = Path("/proc")
    interfaces = (proc / "net/dev").read_text().splitlines()[2:]
    routes = (proc / "net/route").read_text().splitlines()[1:]
    return View(
        environment=dict(os.environ),
        root=sorted(path.name for path in Path("/").iterdir()),
        network_interfaces=[line.partition(":")[0].strip() for line in interfaces],
        routes=len(routes),
        processes=sum(entry.name.isdecimal() for entry in proc.iterdir()),
        python_sha256=hashlib.sha256(Path(sys.executable).read_bytes()).hexdigest(),
        python_version=list(sys.version_info[:2]),
        python_path=sys.path,
        uid=os.getuid(),
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(observe()))
