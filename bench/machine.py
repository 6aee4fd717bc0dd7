"""The facts of this machine that a figure depends on."""

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import psutil


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the figures were taken."""

    cores: int
    processor: str
    kernel: str
    python: str
    grpcio: str
    filesystem: str
    load: float

    def describe(self) -> str:
        """Return the facts in one line for people, and a warning where one is due."""
        facts = (
            f"{self.cores} cores ({self.processor}), Linux {self.kernel}, Python {self.python}, "
            f"grpcio {self.grpcio}, databases on {self.filesystem}, load average {self.load:.1f}"
        )
        return facts + "".join(f"\nNote: {note}." for note in self.notes())

    def notes(self) -> list[str]:
        """Return what makes these figures worse evidence than they should be."""
        notes = []
        if self.load > self.cores / 2:
            notes.append("others use this machine, so the figures are low: trust the ratios only")
        if self.filesystem == "tmpfs":
            notes.append("the databases are in memory, where durable costs nothing: see --folder")
        return notes

    def as_json(self) -> dict[str, object]:
        """Return the facts by name."""
        return asdict(self)


def this_machine(folder: Path) -> Machine:
    """Look at the machine; the databases will be in the folder."""
    return Machine(
        cores=os.process_cpu_count() or 1,
        processor=processor(Path("/proc/cpuinfo").read_text()),
        kernel=platform.release(),
        python=platform.python_version(),
        grpcio=grpc.__version__,
        filesystem=_filesystem(folder),
        load=os.getloadavg()[0],
    )


def processor(cpuinfo: str) -> str:
    """Return the name of the first processor in /proc/cpuinfo, where there is one."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    resolved = folder.resolve()
    return next(mounts[each] for each in (resolved, *resolved.parents) if each in mounts)
