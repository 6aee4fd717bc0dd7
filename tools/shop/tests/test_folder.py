"""The data folder."""

import os
from pathlib import Path

import pytest

from tools.shop.errors import CannotStartError
from tools.shop.folder import locked, temporary


def test_a_folder_serves_one_shop_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(CannotStartError) as caught, locked(tmp_path):
            pytest.fail("both had it")
        assert f"another shop (pid {os.getpid()})" in str(caught.value)
        assert "--data" in str(caught.value)
    with locked(tmp_path):
        """Free again."""


def test_the_folder_is_made_and_is_private(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "b") as path:
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStartError, match="--data"), locked(tmp_path / "file" / "x"):
        pytest.fail("it was made")


def test_a_temporary_folder_is_gone_afterwards() -> None:
    with temporary() as path, locked(path):
        (path / "logs").mkdir()
        (path / "logs" / "x.log").touch()
    assert not path.exists()
