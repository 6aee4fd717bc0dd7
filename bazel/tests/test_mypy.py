"""The driver of mypy, in a folder of its own as an action has it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bazel import mypy_main

LIBRARY = "def double(number: int) -> int:\n    return 2 * number\n"
USER = "from library import double\n\nprint(double({argument}))\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\n")
    (tmp_path / "library.py").write_text(LIBRARY)
    return tmp_path


def check(folder: Path, *sources: str, name: str, caches: tuple[str, ...] = ()) -> str:
    """Run the driver as an action does; return its report."""
    (folder / mypy_main.CACHE).unlink(missing_ok=True)
    base, *others = (f"{cache}.mypy" for cache in caches) if caches else (None,)
    flags = [] if base is None else ["--base", base, *(f"--cache={other}" for other in others)]
    subprocess.run(  # noqa: S603
        [
            *(sys.executable, mypy_main.__file__, *flags),
            *(f"--result={name}.mypy", f"--report={name}.txt", *sources),
        ],
        check=True,
        cwd=folder,
        env={"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return (folder / f"{name}.txt").read_text()


def test_an_error_is_reported_with_its_file_and_line(folder: Path) -> None:
    (folder / "user.py").write_text(USER.format(argument="'two'"))
    report = check(folder, "user.py", name="user")
    assert report.startswith("user.py:3: error: Argument 1 to ")
    assert len(report.splitlines()) == 1


def test_a_syntax_error_is_reported(folder: Path) -> None:
    (folder / "user.py").write_text("def\n")
    assert check(folder, "user.py", name="user").startswith("user.py:1: error: ")


def test_a_module_of_a_dependency_is_taken_from_its_cache_and_not_checked_again(
    folder: Path,
) -> None:
    assert not check(folder, "library.py", name="library")
    (folder / "library.py").write_text("double: str = 2\n")
    (folder / "user.py").write_text(USER.format(argument=2))
    assert not check(folder, "user.py", name="user", caches=("library",))


def test_an_error_of_a_dependency_is_not_reported_again(folder: Path) -> None:
    (folder / "library.py").write_text(LIBRARY + "double('two')\n")
    (folder / "user.py").write_text(USER.format(argument=2))
    assert check(folder, "library.py", name="library").startswith("library.py:3: error: ")
    assert not check(folder, "user.py", name="user", caches=("library",))


def test_what_is_stored_is_the_same_each_time_and_only_what_was_checked(folder: Path) -> None:
    check(folder, "library.py", name="library")
    (folder / "user.py").write_text(USER.format(argument=2))
    for name in ("one", "other"):
        check(folder, "user.py", name=name, caches=("library",))
    assert (folder / "one.mypy").read_bytes() == (folder / "other.mypy").read_bytes()
    assert b"user.data.ff" in (folder / "one.mypy").read_bytes()
    assert b"library.data.ff" not in (folder / "one.mypy").read_bytes()
