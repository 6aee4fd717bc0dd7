"""Locks, as bazel/debian/lock.sh writes them."""

from bazel.deb.lock import Lock, Locked, names, parse_lock

LIBC = Locked(
    "amd64", "libc6", "2.43-7", 1866392, "5c" * 32, "pool/main/g/glibc/libc6_2.43-7_amd64.deb"
)
ZLIB = Locked(
    "arm64", "zlib1g", "1:1.3-3", 87884, "a7" * 32, "pool/main/z/zlib/zlib1g_1.3-3_arm64.deb"
)

TEXT = f"""\
# architecture name version size sha256 path
suite forky
snapshot 20261030T080801Z
amd64 libc6 2.43-7 1866392 {"5c" * 32} pool/main/g/glibc/libc6_2.43-7_amd64.deb
arm64 zlib1g 1:1.3-3 87884 {"a7" * 32} pool/main/z/zlib/zlib1g_1.3-3_arm64.deb
"""


def test_a_lock_has_a_suite_a_snapshot_and_a_package_a_line() -> None:
    assert parse_lock(TEXT) == Lock("forky", "20261030T080801Z", (LIBC, ZLIB))


def test_a_listing_names_one_package_a_line_and_may_have_comments() -> None:
    assert names("# all\nlibc6  # the C library\n\nzlib1g\n") == ["libc6", "zlib1g"]
