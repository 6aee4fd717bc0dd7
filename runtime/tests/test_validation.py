import pytest

from runtime.errors import InvalidArgument
from runtime.validation import check_batch_id, check_page_size, check_request_id


def test_a_request_id_has_one_form() -> None:
    upper = "6F1E9B8E-4D0C-4D8E-9A59-0C3F6A2B7D11"
    assert check_request_id(upper) == upper.lower()


@pytest.mark.parametrize("request_id", ["1", "x" * 36, "6f1e9b8e4d0c4d8e9a590c3f6a2b7d11"])
def test_a_request_id_that_is_no_uuid_is_refused(request_id: str) -> None:
    with pytest.raises(InvalidArgument, match="request_id"):
        check_request_id(request_id)


@pytest.mark.parametrize("batch_id", ["", " ", "a b", "ü", "x" * 129, "a\n"])
def test_a_batch_id_out_of_other_characters_is_refused(batch_id: str) -> None:
    with pytest.raises(InvalidArgument, match="operation_id"):
        check_batch_id(batch_id, "operation_id")


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (1000, 1000), (2**31 - 1, 1000)])
def test_a_page_holds_no_more_than_a_thousand(asked: int, size: int) -> None:
    assert check_page_size(asked) == size


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="page_size"):
        check_page_size(-1)
