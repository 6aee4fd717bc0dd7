import importlib
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

# PEP 552: named by a hash, and never compared with its source.
UNCHECKED_HASH = b"\1\0\0\0"


@pytest.mark.parametrize("name", ["bazel.no_secrets", "bodega.product.v1.product_pb2", "packaging"])
def test_the_build_has_compiled_what_is_ours_and_generated_and_a_wheels(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__spec__ is not None
    assert module.__spec__.cached is not None
    bytecode = Path(module.__spec__.cached).read_bytes()
    assert bytecode[:8] == MAGIC_NUMBER + UNCHECKED_HASH
