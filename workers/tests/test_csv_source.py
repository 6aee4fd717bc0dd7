import pytest

from workers.sources.record import MAX_RECORD_BYTES, BadRow, Record, SourceError
from workers.tests.reading import ReadAll, values

HEADER = b"sku,name,price,currency,status\n"
LAMP = Record(
    2, {"sku": "A1", "name": "Lamp", "price": "12.50", "currency": "EUR", "status": "low"}
)
LAMP_LINE = b"A1,Lamp,12.50,EUR,low\n"


def skus(rows: list[Record | BadRow]) -> list[str]:
    return [row.values["sku"] for row in rows if isinstance(row, Record)]


@pytest.mark.parametrize(
    "content",
    [
        HEADER + LAMP_LINE,
        b"\xef\xbb\xbf" + HEADER + LAMP_LINE,
        (HEADER + LAMP_LINE).replace(b"\n", b"\r\n"),
        HEADER + LAMP_LINE.removesuffix(b"\n"),
        (HEADER + LAMP_LINE).replace(b",", b";"),
        (HEADER + LAMP_LINE).replace(b",", b"\t"),
        (HEADER + b'"A1","Lamp","12.50","EUR","low"\n'),
        HEADER.upper() + LAMP_LINE,
        b"Product Code,Title,Unit Price,Currency-Code,Availability\n" + LAMP_LINE,
        b"status,price,extra,currency,name,sku\nlow,12.50,?,EUR,Lamp,A1\n",
    ],
    ids=["plain", "bom", "crlf", "no last newline", "semicolons", "tabs", "quoted", "upper case",
         "aliases", "other order"],
)  # fmt: skip
def test_a_row_is_read_whatever_the_file_was_saved_with(read: ReadAll, content: bytes) -> None:
    assert read("c.csv", content) == [LAMP]


def test_quotes_hold_delimiters_quotes_and_line_breaks(read: ReadAll) -> None:
    content = HEADER + b'A1,"Lamp, ""big""\nand red",1,EUR,low\nA2,Vase,1,EUR,low\n'
    lamp, vase = read("c.csv", content)
    assert values(lamp)["name"] == 'Lamp, "big"\nand red'
    assert (lamp.line, vase.line) == (2, 4)


def test_blank_lines_mean_nothing_but_count(read: ReadAll) -> None:
    rows = read("c.csv", HEADER + b"\n\r\n" + LAMP_LINE)
    assert rows == [LAMP._replace(line=4)]


def test_a_row_of_another_width_is_named_by_its_line(read: ReadAll) -> None:
    rows = read("c.csv", HEADER + b"A1,Lamp\n" + LAMP_LINE)
    assert rows == [
        BadRow(2, "line", "has 2 values, the header has 5"),
        LAMP._replace(line=3),
    ]


def test_a_quote_that_is_not_closed_costs_its_own_line_only(read: ReadAll) -> None:
    lines = b"".join(b"A%d,Lamp,1,EUR,low\n" % number for number in range(20_000))
    rows = read("c.csv", HEADER + b'B1,"Lamp,1,EUR,low\n' + lines)
    assert rows[0] == BadRow(2, "line", f"opens a quote not closed within {MAX_RECORD_BYTES} bytes")
    assert skus(rows) == [f"A{number}" for number in range(20_000)]


def test_a_quote_that_is_not_closed_before_the_end_costs_its_own_line_only(read: ReadAll) -> None:
    rows = read("c.csv", HEADER + b'B1,"Lamp,1,EUR,low\n' + LAMP_LINE)
    assert rows == [BadRow(2, "line", "is not CSV: unexpected end of data"), LAMP._replace(line=3)]


def test_text_after_a_closing_quote_costs_its_own_line_only(read: ReadAll) -> None:
    rows = read("c.csv", HEADER + b'B1,"La"mp,1,EUR,low\n' + LAMP_LINE)
    assert [type(row) for row in rows] == [BadRow, Record]
    assert rows[0].line == 2
    assert rows[1].line == 3


def test_bytes_that_are_not_utf8_cost_their_own_line_only(read: ReadAll) -> None:
    rows = read("c.csv", HEADER + "A0,Café,1,EUR,low\n".encode("latin-1") + LAMP_LINE)
    assert rows == [BadRow(2, "line", "is not UTF-8"), LAMP._replace(line=3)]


@pytest.mark.parametrize("megabytes", [1, 30])
def test_a_gigantic_line_is_skipped(read: ReadAll, megabytes: int) -> None:
    rows = read("c.csv", HEADER + b"B1," + b"x" * megabytes * 1_000_000 + b"\n" + LAMP_LINE)
    assert rows == [
        BadRow(2, "line", f"is longer than {MAX_RECORD_BYTES} bytes"),
        LAMP._replace(line=3),
    ]


def test_a_line_of_just_the_greatest_length_is_read(read: ReadAll) -> None:
    name = b"x" * (MAX_RECORD_BYTES - len(b"A1,,1,EUR,low\n"))
    (row,) = read("c.csv", HEADER + b"A1," + name + b",1,EUR,low\n")
    assert isinstance(row, Record)


def test_values_that_are_empty_are_no_values(read: ReadAll) -> None:
    (row,) = read("c.csv", HEADER + b"A1,,1,,low\n")
    assert values(row) == {"sku": "A1", "price": "1", "status": "low"}


def test_a_header_alone_is_an_empty_catalogue(read: ReadAll) -> None:
    assert read("c.csv", HEADER) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "must be a header"),
        (b"\n" + HEADER, "must be a header"),
        (b"sku,name,price,status\n", "no column for currency"),
        (b"sku,SKU,name,price,currency,status\n", "both mean sku"),
        ("sku,namé\n".encode("latin-1"), "not UTF-8"),
        ("sku,name\n".encode("utf-16"), "is UTF-16"),
        (b'"sku', "not CSV"),
        (b"x" * (MAX_RECORD_BYTES + 1), "longer than"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_with_its_reason(
    read: ReadAll, content: bytes, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read("c.csv", content)


def test_a_mapped_column_wins_over_one_of_the_usual_name(read: ReadAll) -> None:
    content = b"sku,title,Bezeichnung,price,currency,status\nA1,x,Lampe,1,EUR,low\n"
    (row,) = read("c.csv", content, mapping={"bezeichnung": "name"})
    assert values(row)["name"] == "Lampe"


def test_a_default_stands_in_for_a_missing_column(read: ReadAll) -> None:
    content = b"sku,name,price,status\nA1,Lamp,1,low\n"
    (row,) = read("c.csv", content, defaults={"currency": "EUR"})
    assert "currency" not in values(row)
