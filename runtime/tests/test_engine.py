"""Which engine serves where."""

import pytest

from runtime.engine import Engine, resolve

LOCAL = [
    "127.0.0.1:50051",
    "127.9.8.7:1",
    "localhost:50051",
    "[::1]:50051",
    "unix:/run/product.sock",
]
OPEN = ["0.0.0.0:50051", "[::]:50051", "10.0.0.1:50051", "product.example:50051"]


@pytest.mark.parametrize("listen", LOCAL)
def test_auto_is_native_where_only_this_machine_can_connect(listen: str) -> None:
    assert resolve(Engine.AUTO, listen, tls=False) is Engine.NATIVE


@pytest.mark.parametrize("listen", OPEN)
def test_auto_is_grpcio_where_strangers_can_connect(listen: str) -> None:
    assert resolve(Engine.AUTO, listen, tls=False) is Engine.GRPCIO


@pytest.mark.parametrize("listen", LOCAL + OPEN)
def test_auto_is_grpcio_with_tls(listen: str) -> None:
    assert resolve(Engine.AUTO, listen, tls=True) is Engine.GRPCIO


@pytest.mark.parametrize("listen", LOCAL + OPEN)
@pytest.mark.parametrize("engine", [Engine.GRPCIO, Engine.NATIVE])
def test_an_engine_that_is_named_serves_everywhere(engine: Engine, listen: str) -> None:
    assert resolve(engine, listen, tls=False) is engine


def test_the_native_engine_cannot_be_named_with_tls() -> None:
    with pytest.raises(ValueError, match="no TLS"):
        resolve(Engine.NATIVE, "127.0.0.1:50051", tls=True)
