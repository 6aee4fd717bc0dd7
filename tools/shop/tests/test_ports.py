"""Choosing ports."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest

from tools.shop.errors import CannotStartError
from tools.shop.part import Part
from tools.shop.ports import choose

type Make = Callable[..., Part]


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        # As gRPC servers do: without care, a second one would share the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_its_flag_and_its_owner(part: Make, taken: int) -> None:
    with pytest.raises(CannotStartError) as caught:
        choose([part("web")], "default", {"web-metrics": taken})
    text = str(caught.value)
    assert f"port {taken} for web-metrics is taken" in text
    assert f"(pid {os.getpid()})" in text
    assert "--web-metrics-port" in text


def test_all_troubles_are_told_at_once(part: Make, taken: int) -> None:
    parts = [part("a"), part("b"), part("c")]
    moved = {"a-metrics": taken, "b-metrics": 7, "c-metrics": 7}
    with pytest.raises(CannotStartError) as caught:
        choose(parts, "auto", moved)
    assert "a-metrics is taken" in str(caught.value)
    assert "given to both b-metrics and c-metrics" in str(caught.value)


def test_auto_gives_every_port_another_number(part: Make) -> None:
    addresses = choose([part(f"p{n}") for n in range(20)], "auto", {})
    assert len(set(addresses.values())) == 20


def test_a_number_is_the_first_of_a_row(part: Make) -> None:
    a, b = parts = [part("a"), part("b")]
    for base in range(20_000, 30_000, 7):
        try:
            addresses = choose(parts, base, {})
        except CannotStartError:
            continue
        assert addresses[a.metrics] == f"127.0.0.1:{base}"
        assert addresses[b.metrics] == f"127.0.0.1:{base + 1}"
        return
    pytest.fail("no two free ports in a row")


def test_a_row_beyond_the_last_port_is_refused(part: Make) -> None:
    with pytest.raises(CannotStartError, match="65536 for b-metrics is beyond 65535"):
        choose([part("a"), part("b")], 65535, {"a-metrics": 1024})


def test_a_single_port_moves_alone(part: Make) -> None:
    free = int(choose([part("x")], "auto", {}).popitem()[1].rpartition(":")[2])
    parts = [part("a"), part("b")]
    addresses = choose(parts, "auto", {"a-metrics": free})
    assert addresses[parts[0].metrics] == f"127.0.0.1:{free}"
