"""The tools give the same bytes for the same content, wherever and whenever they run."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

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


def run(tool: str, *arguments: str | Path, seed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [os.environ[tool], *arguments],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=False,
        capture_output=True,
        text=True,
    )


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
    listing, blob, info = (folder / name for name in ("list", "blob", "info"))
    listing.write_text("".join(lines))
    strip = os.environ["STRIP"]
    done = run("PYTHON_LAYER", "app", "application", blob, info, listing, strip, seed=seed)
    assert done.returncode == 0, done.stderr
    return blob.read_bytes() + info.read_bytes()


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


def test_two_packages_may_share_a_file_but_not_a_name(tmp_path: Path) -> None:
    for name, content in (("one", "a"), ("same", "a"), ("other", "b")):
        (tmp_path / name).write_text(content)
    listing = tmp_path / "list"
    arguments = ("app", "application", tmp_path / "blob", tmp_path / "info", listing, "strip")
    listing.write_text(f"LICENSE\t{tmp_path / 'one'}\nLICENSE\t{tmp_path / 'same'}\n")
    assert run("PYTHON_LAYER", *arguments, seed="1").returncode == 0
    listing.write_text(f"LICENSE\t{tmp_path / 'one'}\nLICENSE\t{tmp_path / 'other'}\n")
    refused = run("PYTHON_LAYER", *arguments, seed="1")
    assert refused.returncode == 1
    assert "LICENSE" in refused.stderr


def test_the_base_layer_is_the_one_of_the_build_again(tmp_path: Path) -> None:
    packages = Path(os.environ["PACKAGES"])
    blob, info = tmp_path / "blob", tmp_path / "info"
    done = run("BASE_LAYER", packages, blob, info, seed="7")
    assert done.returncode == 0, done.stderr
    assert info.read_bytes() == Path(os.environ["BASE_INFO"]).read_bytes()
    assert json.loads(info.read_text())["size"] == blob.stat().st_size


def test_a_package_that_the_root_has_not_is_named(tmp_path: Path) -> None:
    packages = tmp_path / "packages.txt"
    packages.write_text("libc6  # the C library\nno-such-package\n")
    done = run("BASE_LAYER", packages, tmp_path / "blob", tmp_path / "info", seed="1")
    assert done.returncode == 1
    assert "no-such-package" in done.stderr
