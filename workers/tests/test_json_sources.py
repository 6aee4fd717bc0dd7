import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sources.json_splitter import Element, JsonSplitter
from workers.sources.record import MAX_RECORD_BYTES, BadRow, Position, Record, SourceError
from workers.tests.reading import ReadAll, values

type ReadObjects = Callable[..., list[Record | BadRow]]

LAMP = {"sku": "A1", "name": "Lamp", "price": "12.50", "currency": "EUR", "status": "low"}


@pytest.fixture(params=["c.jsonl", "c.json"])
def read_objects(request: pytest.FixtureRequest, read: ReadAll) -> ReadObjects:
    """Read texts of objects from a file of either format, one a line."""

    def read_objects(*texts: str | bytes, **fields: Any) -> list[Record | BadRow]:
        content = [text if isinstance(text, bytes) else text.encode() for text in texts]
        if request.param == "c.jsonl":
            return read("c.jsonl", b"\n".join(content), **fields)
        return read("c.json", b"[" + b",\n".join(content) + b"]\n", **fields)

    return read_objects


def test_objects_are_records_named_by_their_lines(read_objects: ReadObjects) -> None:
    rows = read_objects(json.dumps(LAMP), json.dumps(LAMP | {"sku": "A2"}))
    assert rows == [Record(1, LAMP), Record(2, LAMP | {"sku": "A2"})]


def test_a_number_stays_the_text_that_it_is_written_as(read_objects: ReadObjects) -> None:
    (row,) = read_objects('{"sku": 17, "price": 0.1000000000000000055, "name": 1e3}')
    assert values(row) == {"sku": "17", "price": "0.1000000000000000055", "name": "1e3"}


def test_null_and_empty_text_are_no_values_and_other_keys_are_ignored(
    read_objects: ReadObjects,
) -> None:
    (row,) = read_objects('{"sku": "A1", "name": null, "price": "", "tags": ["a", {"b": 1}]}')
    assert values(row) == {"sku": "A1"}


def test_keys_are_mapped_as_columns_are(read_objects: ReadObjects) -> None:
    (row,) = read_objects('{"Artikel": "A1", "title": "x"}', mapping={"artikel": "sku"})
    assert values(row) == {"sku": "A1", "name": "x"}


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ('{"sku": "A1",}', "line", "is not JSON"),
        ('{"sku": NaN}', "line", "is not JSON"),
        ("{'sku': 'A1'}", "line", "is not JSON"),
        (b'{"sku": "\xff"}', "line", "is not UTF-8"),
        ("17", "line", "must be a JSON object"),
        ('["a", "b"]', "line", "must be a JSON object"),
        ('{"name": true}', "name", "must be text or a number"),
        ('{"price": {"units": 1}}', "price", "must be text or a number"),
        ('{"name": "a", "title": "b"}', "name", "two keys"),
        ('{"name": "%s"}' % ("x" * MAX_RECORD_BYTES), "line", "longer than"),
        ('{"name": "%s"}' % ('\\"x' * 1_000_000), "line", "longer than"),
        ("[" * 100_000 + "]" * 10_000 + "]" * 90_000, "line", ""),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_object_costs_itself_only(
    read_objects: ReadObjects, text: str, field: str, rule: str
) -> None:
    before, bad, after = read_objects(json.dumps(LAMP), text, json.dumps(LAMP))
    assert isinstance(before, Record)
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (2, field)
    assert rule in bad.rule
    assert after == Record(3, LAMP)


def test_blank_lines_between_json_lines_mean_nothing(read: ReadAll) -> None:
    assert read("c.jsonl", b'\n  \n{"sku": "A1"}\r\n\n') == [Record(3, {"sku": "A1"})]


@pytest.mark.parametrize("content", [b"[]", b"\xef\xbb\xbf [\n]\n"])
def test_an_empty_array_is_an_empty_catalogue(read: ReadAll, content: bytes) -> None:
    assert read("c.json", content) == []


@pytest.mark.parametrize("content", [b'{"sku": "A1"}', b"17", b"\n"])
def test_a_json_file_without_an_array_is_refused(read: ReadAll, content: bytes) -> None:
    with pytest.raises(SourceError, match="must be a JSON array"):
        read("c.json", content)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b'[{"sku": "A1"},', "the file ends before its array does"),
        (b'[{"sku": "A1"}, {"sk', "the file ends before its array does"),
        (b'[{"sku": "A1"}, "%s' % (b"x" * 300_000), "the file ends before its array does"),
        (b'[{"sku": "A1"}]]', "there is text after the end of the array"),
        (b'[{"sku": "A1"}, ]', "is not JSON"),
    ],
)
def test_an_array_that_does_not_end_well_is_reported(
    read: ReadAll, content: bytes, rule: str
) -> None:
    record, bad = read("c.json", content)
    assert record == Record(1, {"sku": "A1"})
    assert isinstance(bad, BadRow)
    assert rule in bad.rule


def test_the_last_element_of_a_truncated_array_may_be_cut_and_is_not_taken(read: ReadAll) -> None:
    rows = read("c.json", b'[{"sku": "A1"},\n{"sku": "A2"}')
    assert rows == [
        Record(1, {"sku": "A1"}),
        BadRow(2, "line", "the file ends before its array does"),
    ]


class Dribble(io.BytesIO):
    """A file that gives a few bytes at a time, so that every element is cut somewhere."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 3))


def elements(splitter: JsonSplitter) -> Iterator[Element]:
    while (element := splitter.element()) is not None:
        yield element


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.lists(json_values), st.sampled_from([None, 1]), st.booleans())
def test_the_elements_of_any_array_are_found_wherever_reading_cuts_it(
    array: list[Any], indent: int | None, ascii_only: bool
) -> None:
    content = json.dumps(array, indent=indent, ensure_ascii=ascii_only).encode()
    found = [
        json.loads(element.data) for element in elements(JsonSplitter(Dribble(content), START))
    ]
    assert found == array


@given(st.lists(json_values, min_size=1), st.data())
def test_an_array_resumes_after_any_element(array: list[Any], data: st.DataObject) -> None:
    content = json.dumps(array, indent=1).encode()
    splitter = JsonSplitter(Dribble(content), START)
    taken = data.draw(st.integers(1, len(array)))
    for _ in range(taken):
        splitter.element()
    rest = JsonSplitter(Dribble(content), START, splitter.position)
    assert list(elements(rest)) == list(elements(splitter))


START = Position(0, 1)
