import pytest
from hypothesis import given
from hypothesis import strategies as st

from discount.validation import check_codes, check_mask, normal_code
from runtime.errors import InvalidArgument


@pytest.mark.parametrize("code", ["A", "WELCOME10", "a-b_9", "X" * 40])
def test_a_code_is_stored_in_upper_case(code: str) -> None:
    assert normal_code(code) == code.upper()


@pytest.mark.parametrize(
    "code", ["", " ", "A B", "Ä", "ß", "\u0131", "\ufb00", "X" * 41, "A\n", "A\0", "*"]
)
def test_what_no_code_can_be_is_none(code: str) -> None:
    assert normal_code(code) is None


@given(st.text(max_size=50))
def test_a_stored_code_is_its_own_normal_form(code: str) -> None:
    normal = normal_code(code)
    assert normal is None or normal_code(normal) == normal


def test_a_code_in_both_cases_is_answered_once_as_first_written() -> None:
    assert check_codes(["a", "A", "ä", "b", "ä"]) == {"a": "A", "ä": None, "b": "B"}


@pytest.mark.parametrize("count", [0, 201])
def test_a_batch_beyond_its_limits_is_refused(count: int) -> None:
    with pytest.raises(InvalidArgument, match="codes"):
        check_codes([f"C{number}" for number in range(count)])


def test_either_kind_of_benefit_names_both() -> None:
    assert check_mask(["fixed"]) == check_mask(["basis_points"]) == {"fixed", "basis_points"}


@pytest.mark.parametrize("paths", [[], ["code"], ["active", "etag"], ["benefit"]])
def test_a_mask_of_other_fields_is_refused(paths: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="update_mask"):
        check_mask(paths)
