"""The code that the build generates is of the same release as the libraries that run it."""

from pathlib import Path

import google.protobuf
import grpc
from packaging.version import Version

from bodega.product.v1 import product_pb2, product_pb2_grpc


def test_grpc_code_is_generated_by_the_release_that_runs_it() -> None:
    assert grpc.__version__ == product_pb2_grpc.GRPC_GENERATED_VERSION


def test_message_code_is_no_newer_than_the_protobuf_that_runs_it() -> None:
    generated = next(
        line.removeprefix("# Protobuf Python Version: ")
        for line in Path(str(product_pb2.__file__)).read_text().splitlines()
        if line.startswith("# Protobuf Python Version: ")
    )
    assert Version(generated) <= Version(google.protobuf.__version__)


def test_messages_stubs_and_servicers_are_typed() -> None:
    for module in (product_pb2, product_pb2_grpc):
        assert Path(str(module.__file__)).with_suffix(".pyi").is_file()
