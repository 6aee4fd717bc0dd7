"""How much memory a process takes, and took at most: proc_pid_status(5)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KIB = 1024


class ProcessMemory:
    """The resident memory of a process, in bytes."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    @contextmanager
    def growing_at_most(self, most: int) -> Iterator[None]:
        """Fail where the block makes the process take more than that beyond what it took."""
        (self._folder / "clear_refs").write_text("5")  # Forgets the peak.
        before = self._read("VmRSS")
        yield
        grown = self._read("VmHWM") - before
        assert grown <= most, f"the process grew by {grown / _KIB / _KIB:.1f} MiB"

    def _read(self, name: str) -> int:
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * _KIB
        raise ProcessLookupError(self._folder.name)
