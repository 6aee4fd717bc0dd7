"""The declaration of the parts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.shop.keeper import Plan
from tools.shop.part import Calls, Part, in_order
from tools.shop.parts import PARTS
from tools.shop.ports import choose
from tools.shop.programs import Program

type Make = Callable[..., Part]


def test_each_part_comes_after_what_it_needs(part: Make) -> None:
    parts = [part("c", needs=["b"]), part("b", needs=["a"]), part("a")]
    assert [each.name for each in in_order(parts)] == ["a", "b", "c"]


def test_parts_that_need_each_other_are_refused(part: Make) -> None:
    with pytest.raises(ValueError, match="need each other"):
        in_order([part("a", needs=["b"]), part("b", needs=["a"])])


def test_a_need_that_is_no_part_is_refused(part: Make) -> None:
    with pytest.raises(ValueError, match="a needs b, which is no part"):
        in_order([part("a", needs=["b"])])


def test_two_parts_of_one_name_are_refused(part: Make) -> None:
    with pytest.raises(ValueError, match="same name"):
        in_order([part("a"), part("a")])


@pytest.mark.parametrize(
    ("calls", "well", "trouble"),
    [
        (Calls.SERVER, ["OK", "CANCELLED"], ["UNAVAILABLE", "UNAUTHENTICATED", "200"]),
        (Calls.CLIENT, ["OK", "CANCELLED"], ["DEADLINE_EXCEEDED", "INTERNAL"]),
        (Calls.HTTP, ["0", "200", "303"], ["400", "401", "404", "503"]),
    ],
)
def test_each_kind_of_call_has_its_own_signs_of_trouble(
    calls: Calls, well: list[str], trouble: list[str]
) -> None:
    assert [code for code in (*well, *trouble) if calls.is_well(code)] == well


def test_every_declared_flag_can_be_filled_in() -> None:
    addresses = choose(PARTS, "auto", {})
    for each in PARTS:
        command = Plan(each, Program(["x"], {}), addresses, Path("/d"), Path("/")).command
        assert command[0] == "x"
        assert addresses[each.metrics] in command
        assert not any("{" in word for word in command)


def test_declared_ports_and_needs_are_consistent() -> None:
    ports = [port for each in PARTS for port in each.ports]
    assert len({port.name for port in ports}) == len(ports)
    assert len({port.default for port in ports}) == len(ports)
    assert len(in_order(PARTS)) == len(PARTS)
    assert all(each.ready.port in each.ports for each in PARTS)
