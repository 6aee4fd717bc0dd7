"""An action and a test see the toolchain and their declared inputs, and nothing of the host."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bazel.tests.observe import View, observe

ROOT = {".host-etc", "bin", "dev", "etc", "lib", "lib64", "nix", "proc", "tmp", "usr"}
WRITABLE_BY_BAZEL = {"execroot"}


def action() -> View:
    view: View = json.loads(Path(os.environ["ACTION_VIEW"]).read_text())
    return view


@pytest.fixture(params=[action, observe], ids=["action", "test"])
def view(request: pytest.FixtureRequest) -> View:
    seen: View = request.param()
    return seen


def test_the_only_folders_are_those_of_the_toolchain(view: View) -> None:
    assert set(view["root"]) - WRITABLE_BY_BAZEL <= ROOT


def test_the_network_is_a_loopback_of_its_own(view: View) -> None:
    assert view["network_interfaces"] == ["lo"]
    assert view["routes"] == 0


def test_no_process_of_the_host_is_visible(view: View) -> None:
    assert view["processes"] < 10


def test_the_host_has_no_name_and_knows_none(view: View) -> None:
    assert view["host_name"] == "localhost"
    assert view["hosts"] == ["127.0.0.1 localhost"]
    assert view["name_servers"] == []


def test_umask_language_and_time_zone_are_not_the_callers(view: View) -> None:
    assert view["umask"] == "0022"
    assert view["locale"] == "C"
    assert view["time_zone"] == "UTC"


def test_python_is_the_toolchains(view: View) -> None:
    python = Path(os.environ["TOOLCHAIN_PYTHON"])
    assert view["python_sha256"] == hashlib.sha256(python.read_bytes()).hexdigest()
    assert view["python_version"] == [3, 14]


def test_python_finds_only_the_standard_library_and_declared_wheels(view: View) -> None:
    library = {
        entry
        for entry in view["python_path"]
        if "execroot" not in entry
        and not entry.startswith("/usr/lib/python3")
        and "/nix/" not in entry
    }
    assert library == set()
    assert not [entry for entry in view["python_path"] if entry.endswith("dist-packages")]


def test_nothing_of_the_callers_environment_comes_through(view: View) -> None:
    assert view["environment"].get("BODEGA_HERMETIC_CANARY") is None
    assert not {"PYTHONHOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "XDG_CACHE_HOME"} & set(
        view["environment"]
    )


def test_an_action_has_no_home_and_a_test_has_its_own() -> None:
    assert "HOME" not in action()["environment"]
    assert os.environ["HOME"] == os.environ["TEST_TMPDIR"]


def test_the_user_is_nobody_by_number_and_by_name(view: View) -> None:
    assert view["uid"] != 0
    assert view["user"] == "nobody"


def test_the_operating_system_cannot_be_written_to() -> None:
    for folder in map(Path, ("/usr", "/etc", "/nix/store")):
        with pytest.raises(OSError, match=r"Read-only|Permission|No such file"):
            (folder / "bodega-was-here").touch()


def test_a_child_python_is_as_bare_as_its_parent() -> None:
    code = "import sys; print([p for p in sys.path if 'dist-packages' in p])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "[]"
