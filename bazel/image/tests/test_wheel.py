"""wheel.read: what a wheel is, and where its files go."""

import hashlib
from pathlib import Path, PurePosixPath

from bazel.image import wheel
from bazel.image.testing.wheels import write_wheel


def test_a_wheel_is_named_and_hashed_as_an_index_does(tmp_path: Path) -> None:
    path = write_wheel(tmp_path, "Some_Thing", {})
    component, _ = wheel.read(path)
    assert (component.name, component.version) == ("some-thing", "1")
    assert component.purl == "pkg:pypi/some-thing@1"
    assert component.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert component.licence == "MIT"


def test_a_wheel_without_a_licence_expression_has_no_licence(tmp_path: Path) -> None:
    component, _ = wheel.read(write_wheel(tmp_path, "thing", {}, metadata="License: MIT\n"))
    assert component.licence == ""


def test_modules_of_the_data_folder_go_where_modules_go_and_scripts_nowhere(tmp_path: Path) -> None:
    files = {
        "thing/__init__.py": "",
        "thing-1.data/purelib/pure.py": "",
        "thing-1.data/platlib/deep/platform.so": "",
        "thing-1.data/scripts/run": "",
        "thing-1.data/headers/thing.h": "",
    }
    _, found = wheel.read(write_wheel(tmp_path, "thing", files))
    modules = {"thing/__init__.py", "pure.py", "deep/platform.so", "thing-1.dist-info/METADATA"}
    assert found.keys() == {PurePosixPath(name) for name in modules}
