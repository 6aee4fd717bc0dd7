"""Locks: as they are written, and what goes into them."""

import pytest

from bazel.deb.lock import Lock, Locked, format_lock, names, parse_lock
from bazel.deb.update_lock import LockError, locked

LIBC = Locked(
    "amd64", "libc6", "2.43-7", 1866392, "5c" * 32, "pool/main/g/glibc/libc6_2.43-7_amd64.deb"
)
ZLIB = Locked(
    "arm64", "zlib1g", "1:1.3-3", 87884, "a7" * 32, "pool/main/z/zlib/zlib1g_1.3-3_arm64.deb"
)

SHOWN = """\
Package: libc6
Version: 2.43-7
Description: the C library
 Version: of nothing
Filename: pool/main/g/glibc/libc6_2.43-7_amd64.deb
Size: 1866392
SHA256: {0}

Package: zlib1g
Version: 1:1.3-3
Filename: pool/main/z/zlib/zlib1g_1.3-3_amd64.deb
Size: 87884
SHA256: {0}
""".format("5c" * 32)


def test_a_lock_is_read_as_it_was_written() -> None:
    lock = Lock("forky", "20261030T080801Z", (LIBC, ZLIB))
    assert parse_lock(format_lock(lock)) == lock


def test_a_lock_is_sorted_so_that_a_change_is_one_line() -> None:
    lines = format_lock(Lock("forky", "20261030T080801Z", (ZLIB, LIBC))).splitlines()
    assert [line.split()[1] for line in lines[4:]] == ["libc6", "zlib1g"]


def test_a_listing_names_one_package_a_line_and_may_have_comments() -> None:
    assert names("# all\nlibc6  # the C library\n\nzlib1g\n") == ["libc6", "zlib1g"]


def test_packages_are_locked_as_apt_shows_them() -> None:
    assert locked("amd64", ["libc6"], SHOWN) == [LIBC]


def test_packages_that_the_mirror_has_not_are_named() -> None:
    with pytest.raises(LockError, match="arm64 has no one, two"):
        locked("arm64", ["one", "libc6", "two"], SHOWN)
