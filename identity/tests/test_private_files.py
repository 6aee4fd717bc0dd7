"""Secret files, made by several processes and broken off at any point."""

import subprocess
import sys
from pathlib import Path

import pytest

from identity.keys.private_files import ensure_private, read_private
from runtime.main import StartError

MAKE = """
import secrets, sys
from pathlib import Path
from identity.keys.private_files import ensure_private
sys.stdin.readline()
print(ensure_private(Path(sys.argv[1]), lambda: secrets.token_hex(32))[0])
"""


def test_of_processes_that_make_a_file_at_once_all_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    makers = [
        subprocess.Popen(  # noqa: S603 (a program of ours)
            [sys.executable, "-c", MAKE, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("\n")
        maker.stdin.flush()
    said = {maker.communicate()[0].strip() for maker in makers}
    assert said == {path.read_text()}
    assert [each.name for each in path.parent.iterdir()] == ["secret"]


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> str:
        raise OSError(28, "No space left on device")

    with pytest.raises(StartError, match="cannot be made: No space left"):
        ensure_private(tmp_path / "secret", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text("kept")
    assert ensure_private(path, lambda: "new") == ("kept", False)
    assert path.read_text() == "kept"


def test_a_folder_or_no_text_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.touch(mode=0o600)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(StartError, match="bytes: is not text"):
        read_private(path)
    with pytest.raises(StartError, match="Is a directory"):
        read_private(tmp_path)
