"""What a process sees of the machine that it runs on; as a program, writes it as JSON."""

import hashlib
import json
import locale
import os
import pwd
import sys
import time
from pathlib import Path
from typing import TypedDict


class View(TypedDict):
    """A process's surroundings."""

    environment: dict[str, str]
    host_name: str
    hosts: list[str]
    locale: str
    name_servers: list[str]
    root: list[str]
    network_interfaces: list[str]
    routes: int
    processes: int
    python_sha256: str
    python_version: list[int]
    python_path: list[str]
    time_zone: str
    uid: int
    umask: str
    user: str


def lines(path: Path) -> list[str]:
    """Return what a file of settings says."""
    text = path.read_text() if path.exists() else ""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def observe() -> View:
    """Look around, touching nothing."""
    proc = Path("/proc")
    interfaces = (proc / "net/dev").read_text().splitlines()[2:]
    routes = (proc / "net/route").read_text().splitlines()[1:]
    return View(
        environment=dict(os.environ),
        host_name=os.uname().nodename,
        hosts=lines(Path("/etc/hosts")),
        locale=locale.setlocale(locale.LC_MESSAGES, ""),
        name_servers=lines(Path("/etc/resolv.conf")),
        root=sorted(path.name for path in Path("/").iterdir()),
        network_interfaces=[line.partition(":")[0].strip() for line in interfaces],
        routes=len(routes),
        processes=sum(entry.name.isdecimal() for entry in proc.iterdir()),
        python_sha256=hashlib.sha256(Path(sys.executable).read_bytes()).hexdigest(),
        python_version=list(sys.version_info[:2]),
        python_path=sys.path,
        time_zone=time.tzname[0],
        uid=os.getuid(),
        umask=next(
            line.split()[1]
            for line in (proc / "self/status").read_text().splitlines()
            if line.startswith("Umask:")
        ),
        user=next((user.pw_name for user in pwd.getpwall() if user.pw_uid == os.getuid()), ""),
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(observe()))
