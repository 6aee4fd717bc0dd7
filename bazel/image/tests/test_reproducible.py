"""The tools give the same bytes for the same content, wherever and whenever they run."""

import json
import os
import random
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bazel.image.testing.locked import MACHINE, command, run
from bazel.image.testing.wheels import write_wheel

SOURCES = {
    "shop/__init__.py": '"""A shop."""\n',
    "shop/till.py": "KINDS = {'cash', 'card', 'voucher'}\n\ndef f(x):\n    return x in {1, 2, 3}\n",
    "shop/till.pyi": "KINDS: set[str]\n",
    "shop/tests/test_till.py": "assert False\n",
    "shop-1.dist-info/METADATA": "Name: shop\n",
    "shop-1.dist-info/RECORD": "shop/till.py,,\n",
}


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def make_layer(folder: Path, *, when: int, seed: str, sources: dict[str, str] = SOURCES) -> bytes:
    """Write the sources in some order, with some time stamp, and make a layer of them."""
    lines = []
    order = random.Random(seed)  # noqa: S311
    for name, content in order.sample(sorted(sources.items()), len(sources)):
        path = folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (when, when))
        lines.append(f"{name}\t{path}\n")
    outputs = [folder / name for name in ("blob", "info", "inventory")]
    listing = folder / "list"
    listing.write_text("".join(lines))
    strip = shlex.join(command(os.environ["LOCKED_STRIP"]))
    done = run("python_layer", "app", "application", *outputs, listing, strip, seed=seed)
    assert done.returncode == 0, done.stderr
    return b"".join(output.read_bytes() for output in outputs)


def test_order_time_folder_and_hash_seed_leave_no_trace(tmp_path: Path) -> None:
    made = [
        make_layer(tmp_path / seed, when=when, seed=seed)
        for seed, when in (("1", 1_000_000_000), ("22", 1_700_000_000))
    ]
    assert made[0] == made[1]


def test_the_umask_leaves_no_trace(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first = make_layer(tmp_path / "open", when=0, seed="1")
    request.getfixturevalue("umask")
    assert make_layer(tmp_path / "shut", when=0, seed="1") == first


def test_other_content_makes_another_layer(tmp_path: Path) -> None:
    first = make_layer(tmp_path / "a", when=0, seed="1")
    changed = SOURCES | {"shop/till.py": "KINDS = set()\n"}
    assert make_layer(tmp_path / "b", when=0, seed="1", sources=changed) != first


@pytest.mark.parametrize(("other", "status"), [("a", 0), ("b", 1)], ids=["same", "different"])
def test_two_wheels_may_share_a_file_but_not_a_name(
    tmp_path: Path, other: str, status: int
) -> None:
    wheels = [
        write_wheel(tmp_path, "one", {"LICENSE": "a"}),
        write_wheel(tmp_path, "two", {"LICENSE": other}),
    ]
    listing = tmp_path / "list"
    listing.write_text("".join(f"{wheel}\n" for wheel in wheels))
    outputs = [tmp_path / name for name in ("blob", "info", "inventory")]
    done = run("python_layer", "app", "dependencies", *outputs, listing, "strip")
    assert done.returncode == status, done.stderr
    assert ("LICENSE" in done.stderr) == bool(status)


def test_two_of_our_own_files_may_not_have_one_place(tmp_path: Path) -> None:
    for name, content in (("one", "a"), ("other", "b")):
        (tmp_path / name).write_text(content)
    listing = tmp_path / "list"
    listing.write_text(f"x.py\t{tmp_path / 'one'}\nx.py\t{tmp_path / 'other'}\n")
    outputs = [tmp_path / name for name in ("blob", "info", "inventory")]
    done = run("python_layer", "app", "application", *outputs, listing, "strip")
    assert done.returncode == 1
    assert "x.py" in done.stderr


def base_layer(packages: Path, folder: Path) -> tuple[int, str]:
    outputs = [folder / name for name in ("blob", "info", "inventory")]
    lock, debs = os.environ["LOCK"], os.environ["DEBS"].split()
    done = run("base_layer", MACHINE, packages, lock, *outputs, *debs, seed="7")
    return done.returncode, done.stderr


def test_the_base_layer_is_the_one_of_the_build_again(tmp_path: Path) -> None:
    assert base_layer(Path(os.environ["PACKAGES"]), tmp_path) == (0, "")
    info = tmp_path / "info"
    [built] = (
        Path(path) for path in os.environ["BASE"].split() if path.endswith(f"{MACHINE}.json")
    )
    assert info.read_bytes() == built.read_bytes()
    assert json.loads(info.read_text())["size"] == (tmp_path / "blob").stat().st_size


def test_a_package_that_the_lock_has_not_is_named(tmp_path: Path) -> None:
    packages = tmp_path / "packages.txt"
    packages.write_text("libc6  # the C library\nno-such-package\n")
    status, message = base_layer(packages, tmp_path)
    assert status == 1
    assert "no-such-package" in message
