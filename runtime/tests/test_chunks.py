from runtime.chunks import cut


def by_itself(item: int) -> int:
    return item


def test_a_chunk_ends_at_its_count() -> None:
    assert list(cut([1] * 5, 2, 100, by_itself)) == [[1, 1], [1, 1], [1]]


def test_a_chunk_ends_at_its_size() -> None:
    assert list(cut([4, 4, 4, 2], 10, 8, by_itself)) == [[4, 4], [4, 2]]


def test_an_item_above_the_size_goes_alone() -> None:
    assert list(cut([1, 99, 1], 10, 8, by_itself)) == [[1], [99], [1]]


def test_nothing_is_no_chunk() -> None:
    assert list(cut([], 10, 8, by_itself)) == []
