"""Which Debian root a call of Bazel takes."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path("bazel/debian")


def call(function: str, *arguments: object, unlocked: str = "") -> tuple[int, str]:
    """Call a function of roots.sh; return its status and what it prints."""
    script = f'. {FOLDER}/roots.sh && {function} "$@"'
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "-euo", "pipefail", "-c", script, "bash", *map(str, arguments)],
        capture_output=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "BODEGA_UNLOCKED": unlocked},
        text=True,
    )
    assert not done.stderr
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    "command",
    [
        "test //product:product_test",
        "--output_base=/tmp/x test //...",
        "--batch coverage //...",
        "build //...",
        "build --config=ci //...",
        "build //product:all",
        "build //product:*",
        "build -- //... -//product/...",
        "run --config=ci //bazel/...",
        "cquery deps(//product:server)",
        "--test-tools",
    ],
)
def test_what_runs_or_takes_in_tests_needs_their_tools(command: str) -> None:
    assert call("for_tests", *command.split()) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "run //:shop",
        "run //:shop -- --for 10s test //...",
        "run --config=ci //tools:bodega -- login",
        "build //product:image //cart:image",
        "info output_base",
        "help test",
        "shutdown",
        "--version",
    ],
)
def test_what_builds_and_runs_programs_needs_no_tools_of_tests(command: str) -> None:
    assert call("for_tests", *command.split()) == (1, "")


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    folder = tmp_path / "recipes"
    shutil.copytree(FOLDER, folder)
    for path in folder.rglob("*"):
        path.chmod(0o755)
    return folder


def names(recipes: Path) -> tuple[str, str]:
    found = [call("root_name", recipes, kind) for kind in ("build", "test")]
    assert [status for status, _ in found] == [0, 0]
    return found[0][1], found[1][1]


def test_a_change_of_the_build_lock_names_both_roots_anew(recipes: Path) -> None:
    build, test = names(recipes)
    (recipes / "build.lock").write_text("other")
    changed = names(recipes)
    assert build != changed[0]
    assert test != changed[1]


def test_a_change_of_the_test_lock_leaves_the_build_root(recipes: Path) -> None:
    build, test = names(recipes)
    (recipes / "test.lock").write_text("other")
    changed = names(recipes)
    assert build == changed[0]
    assert test != changed[1]


def test_a_root_is_named_after_its_kind_and_a_digest() -> None:
    sources = ["make_root.sh", "repository.sh", "substitutes.txt", "build.lock"]
    content = b"".join((FOLDER / source).read_bytes() for source in sources)
    digest = hashlib.sha256(content).hexdigest()
    assert call("root_name", FOLDER, "build") == (0, f"debian-build-{digest[:16]}")


def test_the_root_for_tests_serves_before_the_one_for_building(tmp_path: Path) -> None:
    test, build = tmp_path / "test", tmp_path / "build"
    build.mkdir()
    assert call("standing", test, build) == (0, str(build))
    test.mkdir()
    assert call("standing", test, build) == (0, str(test))


def test_an_unlocked_root_serves_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "build-unlocked").mkdir()
    assert call("standing", tmp_path / "build") == (1, "")
    found = call("standing", tmp_path / "build", unlocked="1")
    assert found == (0, str(tmp_path / "build-unlocked"))
