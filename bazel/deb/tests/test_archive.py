"""read_deb: the control file and the files of a package."""

from pathlib import Path, PurePosixPath

import pytest

from bazel.deb.archive import Entry, NotADebError, read_deb
from bazel.deb.tests.debs import Compression, write_deb

MEMBERS = {"usr/bin/thing": "run!", "usr/share/odd": "odd", "usr/lib/a.so": "-> a.so.1"}


@pytest.mark.parametrize("compression", ["", "gz", "xz", "zst"])
def test_a_package_is_read_whichever_way_it_is_compressed(
    tmp_path: Path, compression: Compression
) -> None:
    deb = read_deb(write_deb(tmp_path / "thing.deb", MEMBERS, compression))
    assert deb.entries == (
        Entry(PurePosixPath("usr/bin/thing"), b"run!", executable=True),
        Entry(PurePosixPath("usr/share/odd"), b"odd"),
        Entry(PurePosixPath("usr/lib/a.so"), b"", target="a.so.1"),
    )


def test_a_field_is_that_of_the_control_file(tmp_path: Path) -> None:
    deb = read_deb(write_deb(tmp_path / "thing.deb", MEMBERS))
    assert (deb.field("Version"), deb.field("Architecture")) == ("1:2.0-1", "amd64")
    assert deb.control.endswith("\n more of it")


@pytest.mark.parametrize("content", [b"", b"<html>", b"!<arch>\n"])
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.deb"
    path.write_bytes(content)
    with pytest.raises(NotADebError):
        read_deb(path)
