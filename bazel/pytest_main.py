"""Runs pytest as a Bazel test: --test_filter, shards, JUnit XML and folders the Bazel way."""

import os
import sys
import zlib
from pathlib import Path

import pytest


class Shard:
    """Keeps the tests that belong to this shard, chosen by name."""

    def __init__(self, index: int, total: int) -> None:
        self._index = index
        self._total = total

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop the tests of the other shards."""
        items[:] = [
            item for item in items if zlib.crc32(item.nodeid.encode()) % self._total == self._index
        ]


def shard(env: os._Environ[str]) -> list[Shard]:
    """Return the shard that Bazel asks for, and tell Bazel that it is honoured."""
    if "TEST_TOTAL_SHARDS" not in env:
        return []
    Path(env["TEST_SHARD_STATUS_FILE"]).touch()
    return [Shard(int(env["TEST_SHARD_INDEX"]), int(env["TEST_TOTAL_SHARDS"]))]


def arguments(env: os._Environ[str]) -> list[str]:
    """Translate Bazel's test environment into pytest's flags."""
    flags = ["-c", "pyproject.toml", "--rootdir=.", "-p", "no:cacheprovider", "--tb=short"]
    flags.append(f"--basetemp={env['TEST_TMPDIR']}/pytest")
    # The same examples each time, and no clock: a busy machine fails nothing.
    flags.append("--hypothesis-profile=ci")
    if "XML_OUTPUT_FILE" in env:
        flags.append(f"--junitxml={env['XML_OUTPUT_FILE']}")
    if "TESTBRIDGE_TEST_ONLY" in env:
        flags.append(f"-k={env['TESTBRIDGE_TEST_ONLY']}")
    return flags


def main() -> int:
    """Run the tests named on the command line; a target or a shard may be empty, but not both."""
    env = os.environ
    env["HOME"] = env["TEST_TMPDIR"]
    plugins = shard(env)
    code = pytest.main([*arguments(env), *sys.argv[1:]], plugins)
    nothing_left = code == pytest.ExitCode.NO_TESTS_COLLECTED
    narrowed = bool(plugins) or "TESTBRIDGE_TEST_ONLY" in env
    return 0 if nothing_left and narrowed else int(code)


if __name__ == "__main__":
    sys.exit(main())
