"""bazel/wheels.py, with the pip of a real virtual environment."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import packaging
import pytest

import bazel.wheels

METADATA = """\
Metadata-Version: 2.1
Name: {name}
Version: 1.0
Requires-Dist: shared-part>=1
Requires-Dist: only-elsewhere; sys_platform == "win32"
Requires-Dist: of-the-extra; extra == "more"
Requires-Dist: {name}[more]
"""


def make_wheel(
    folder: Path, name: str, text: str = "VALUE = 1\n", tag: str = "py3-none-any"
) -> Path:
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__init__.py", text)
        archive.writestr(f"{name}-1.0.data/scripts/{name}-program", "#!/bin/sh\n")
        archive.writestr(f"{name}-1.0.data/purelib/{name}_extra.py", "VALUE = 2\n")
        archive.writestr(f"{info}/METADATA", METADATA.format(name=name.replace("_", "-")))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def digest(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def lock(folder: Path, **hashes: str) -> Path:
    path = folder / "lock.txt"
    entries = (
        f"{name.replace('_', '-')}==1.0 \\\n    --hash=sha256:{value}\n"
        for name, value in hashes.items()
    )
    path.write_text("# comment\n" + "".join(entries))
    return path


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603
    return folder / "bin" / "python3"


def run(
    python: Path, *arguments: Path | str, index: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run wheels.py where pip finds nothing but the wheels of a folder."""
    libraries = Path(packaging.__file__).parent.parent
    return subprocess.run(  # noqa: S603
        [python, bazel.wheels.__file__, *arguments],
        capture_output=True,
        check=False,
        env={"PYTHONPATH": str(libraries), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index or "")},
        text=True,
    )


def test_fetch_downloads_what_the_store_lacks_and_keeps_it_there(
    python: Path, tmp_path: Path
) -> None:
    first, second = (make_wheel(tmp_path / "index", name) for name in ("one", "two_parts"))
    locked = lock(tmp_path, one=digest(first), two_parts=digest(second))
    store = tmp_path / "store"
    done = run(python, "fetch", locked, store, tmp_path / "wheels", index=tmp_path / "index")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in store.iterdir()) == [first.name, second.name]
    wheels = {path.name: digest(path) for path in (tmp_path / "wheels").iterdir()}
    assert wheels == {"one.whl": digest(first), "two_parts.whl": digest(second)}


def test_fetch_needs_no_index_for_wheels_of_the_store(python: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "store", "one")
    locked = lock(tmp_path, one=digest(wheel))
    done = run(python, "fetch", locked, tmp_path / "store", tmp_path / "wheels")
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "wheels" / "one.whl") == digest(wheel)


def test_fetch_replaces_a_wheel_of_the_store_that_has_another_hash(
    python: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "index", "one")
    changed = make_wheel(tmp_path / "store", "one", "VALUE = 'changed'\n")
    locked = lock(tmp_path, one=digest(wheel))
    assert digest(changed) != digest(wheel)
    done = run(
        python, "fetch", locked, tmp_path / "store", tmp_path / "wheels", index=tmp_path / "index"
    )
    assert done.returncode == 0, done.stderr
    assert digest(tmp_path / "wheels" / "one.whl") == digest(wheel)
    assert digest(changed) == digest(wheel)


def test_fetch_of_a_wheel_with_a_hash_that_is_not_locked_fails(
    python: Path, tmp_path: Path
) -> None:
    make_wheel(tmp_path / "index", "one")
    locked = lock(tmp_path, one="0" * 64)
    done = run(
        python, "fetch", locked, tmp_path / "store", tmp_path / "wheels", index=tmp_path / "index"
    )
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert list((tmp_path / "store").iterdir()) == []


TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
PLATFORMS = ("manylinux_2_17", "manylinux_2_28", "manylinux_2_44")


@pytest.fixture
def wheels_of_machines(tmp_path: Path) -> dict[str, str]:
    """An index with wheels of one package for each machine and C library: digests by platform."""
    names = [f"{each}_{machine}" for each in PLATFORMS for machine in ("aarch64", "x86_64")]
    return {
        name: digest(make_wheel(tmp_path / "index", "one", f"'{name}'\n", f"{TAG}-{TAG}-{name}"))
        for name in names
    }


@pytest.mark.parametrize(
    ("machine", "glibc", "expected"),
    [
        ("aarch64", "43", "manylinux_2_28_aarch64"),
        ("x86_64", "43", "manylinux_2_28_x86_64"),
        ("x86_64", "27", "manylinux_2_17_x86_64"),
    ],
)
def test_fetch_for_a_machine_takes_the_wheel_for_its_newest_c_library(
    python: Path,
    tmp_path: Path,
    wheels_of_machines: dict[str, str],
    machine: str,
    glibc: str,
    expected: str,
) -> None:
    hashes = " \\\n    ".join(f"--hash=sha256:{each}" for each in wheels_of_machines.values())
    locked = tmp_path / "lock.txt"
    locked.write_text(f"one==1.0 \\\n    {hashes}\n")
    arguments = ("fetch", locked, tmp_path / "store", tmp_path / "wheels", machine, glibc)
    for index in (tmp_path / "index", tmp_path / "none"):  # from the index, then from the store
        done = run(python, *arguments, index=index)
        assert done.returncode == 0, done.stderr
        wheel = tmp_path / "wheels" / "one.whl"
        assert digest(wheel) == wheels_of_machines[expected]
        wheel.unlink()


def test_fetch_for_a_machine_that_no_wheel_suits_fails_and_names_it(
    python: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "index", "one", tag=f"{TAG}-{TAG}-manylinux_2_28_x86_64")
    locked = lock(tmp_path, one=digest(wheel))
    arguments = ("fetch", locked, tmp_path / "store", tmp_path / "wheels", "aarch64", "43")
    done = run(python, *arguments, index=tmp_path / "index")
    assert done.returncode != 0
    assert "No matching distribution found for one==1.0" in done.stderr


@pytest.mark.parametrize(
    ("extras", "needed"),
    [((), ["shared_part"]), (("more",), ["of_the_extra", "shared_part"])],
)
def test_unpack_names_what_a_wheel_needs_with_its_extras(
    python: Path, tmp_path: Path, extras: tuple[str, ...], needed: list[str]
) -> None:
    done = run(python, "unpack", make_wheel(tmp_path / "index", "one"), tmp_path, *extras)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == needed


def test_unpack_puts_each_kind_of_file_into_its_folder(python: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(python, "unpack", make_wheel(tmp_path / "index", "one"), out).returncode == 0
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == [
        "bin/one-program",
        "site-packages/one-1.0.dist-info/METADATA",
        "site-packages/one-1.0.dist-info/RECORD",
        "site-packages/one-1.0.dist-info/WHEEL",
        "site-packages/one/__init__.py",
        "site-packages/one_extra.py",
    ]
    executable = [name for name in files if (out / name).stat().st_mode & 0o111]
    assert executable == ["bin/one-program"]
