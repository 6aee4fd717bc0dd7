"""`push` copies the image of all architectures to where the command line says."""

import json
import os
import subprocess
from pathlib import Path


def push(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [os.environ["PUSH"], *arguments],
        env=os.environ | {"BUILD_WORKING_DIRECTORY": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def pushed(*flags: str, to: str) -> list[str]:
    """Return the arguments of the program: those of its target, and a user's."""
    return [os.environ["SKOPEO"], os.environ["INDEX"], "bodega/hello:latest", to, *flags]


def test_a_layout_gets_the_index_and_the_blobs_of_both_architectures(tmp_path: Path) -> None:
    done = push(*pushed(to="oci:copy:1.0"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    source, copy = (Path(os.environ["INDEX"]), tmp_path / "copy")
    [before], [after] = (
        json.loads((layout / "index.json").read_text())["manifests"] for layout in (source, copy)
    )
    assert after["digest"] == before["digest"]
    assert after["annotations"]["org.opencontainers.image.ref.name"] == "1.0"
    blobs = [
        {blob.name for blob in (layout / "blobs/sha256").iterdir()} for layout in (source, copy)
    ]
    assert blobs[0] == blobs[1]


def test_a_destination_without_a_transport_is_a_registry(tmp_path: Path) -> None:
    # A port of this test's own loopback where nobody listens.
    done = push(*pushed("--retry-times=0", to="127.0.0.1:9/shop/hello:1.0"), folder=tmp_path)
    assert done.returncode != 0
    assert "127.0.0.1:9/v2/" in done.stderr


def test_without_a_destination_it_says_what_is_missing(tmp_path: Path) -> None:
    done = push(*pushed(to="")[:3], folder=tmp_path)
    assert done.returncode == 1
    assert "REGISTRY/NAME:TAG" in done.stderr
