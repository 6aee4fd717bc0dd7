import os
from pathlib import Path

import pytest

from bazel.image.testing.archive import Image, read_image


@pytest.fixture(scope="session")
def hello() -> Image:
    return read_image(Path(os.environ["HELLO"]))


@pytest.fixture(scope="session")
def howdy() -> Image:
    """The same but for one file of the application."""
    return read_image(Path(os.environ["HOWDY"]))
