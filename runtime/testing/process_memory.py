"""How much memory a process takes, in bytes: proc_pid_status(5), proc_pid_smaps(5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KIB = 1024


class ProcessMemory:
    """The memory of a process that runs."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def peak(self) -> int:
        """Return the most resident memory that it had since its start, or `forget_peak`."""
        return self._read("status", "VmHWM")

    def forget_peak(self) -> None:
        """Count the peak from now on."""
        (self._folder / "clear_refs").write_text("5")

    def resident(self) -> int:
        """Return its resident memory, which counts what it shares with others in full."""
        return self._read("smaps_rollup", "Rss")

    def proportional(self) -> int:
        """Return its memory with its own share only of each page that others have as well."""
        return self._read("smaps_rollup", "Pss")

    @contextmanager
    def growing_at_most(self, most: int) -> Iterator[None]:
        """Fail where the block makes the process take more than that beyond what it took."""
        self.forget_peak()
        before = self.resident()
        yield
        grown = self.peak() - before
        assert grown <= most, f"the process grew by {grown / _KIB / _KIB:.1f} MiB"

    def _read(self, file: str, name: str) -> int:
        lines = (self._folder / file).read_text().splitlines()
        found = next(line for line in lines if line.startswith(f"{name}:"))
        return int(found.split()[1]) * _KIB
