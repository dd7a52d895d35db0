"""Tables made with a spreadsheet: any encoding and separator, and one sentence for each mistake."""

import csv
import io
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.errors import Invalid, MistakeCode
from vigint_web.http.pages.csv_tables import _neutral, as_written
from vigint_web.services.accounts.import_values import calendar_day, whole_number
from vigint_web.services.core import csv_input
from vigint_web.services.core.csv_input import Line, read_table

_TITLES = {"nom": "name", "name": "name", "site": "site", "adresse": "address"}


def _key_of(title: str) -> str | None:
    return _TITLES.get(title.strip().casefold())


def _read(data: bytes) -> list[Line]:
    return read_table(data, _key_of, required=["name"])


def _refusal(data: bytes) -> list[MistakeCode]:
    with pytest.raises(Invalid) as refused:
        _read(data)
    return [one.code for one in refused.value.mistakes]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("first", ["", "sep={}\n"])
def test_every_usual_form_is_read(encoding: str, separator: str, end: str, first: str) -> None:
    rows = [["Nom", "Site"], ["Entrée, 1; bis", "Lyon"], ["", ""], ['Quai "3"', ""]]
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator=end).writerows(rows)
    lines = _read((first.format(separator) + written.getvalue()).encode(encoding))
    begins = 3 if first else 2
    assert lines == [
        Line(begins, {"name": "Entrée, 1; bis", "site": "Lyon"}),
        Line(begins + 2, {"name": 'Quai "3"', "site": ""}),
    ]


def test_a_line_is_that_on_which_its_row_begins() -> None:
    lines = _read(b'Nom,Adresse\n"a","1 rue\ndu Port"\nb,\n')
    assert [(line.number, line.cells["name"]) for line in lines] == [(2, "a"), (4, "b")]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"", [MistakeCode.TABLE_COLUMN_MISSING]),
        (b"Nom\n", [MistakeCode.TABLE_EMPTY]),
        (b"Nom\n \n;\n", [MistakeCode.TABLE_EMPTY]),
        (b"Site\nx\n", [MistakeCode.TABLE_COLUMN_MISSING]),
        (b"Nom,Name\nx,y\n", [MistakeCode.TABLE_COLUMN_TWICE]),
        (b"Nom,Prix,Secret\nx,y,z\n", [MistakeCode.TABLE_UNKNOWN_COLUMNS]),
        (b'Nom\n"x\n', [MistakeCode.TABLE_DAMAGED]),
        (b'Nom\n"x"y\n', [MistakeCode.TABLE_DAMAGED]),
        (b"Nom\n\0\n", [MistakeCode.TABLE_NOT_TEXT]),
        (b"PK\x03\x04\0\0\0", [MistakeCode.TABLE_NOT_TEXT]),
        (b"Nom\n" + b"x\n" * (csv_input.MOST_ROWS + 1), [MistakeCode.TABLE_TOO_MANY_ROWS]),
        (b"x" * (csv_input.LARGEST + 1), [MistakeCode.TABLE_TOO_LARGE]),
        (b"Nom\n" + b"x" * 200_000, [MistakeCode.TABLE_DAMAGED]),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(data: bytes, codes: list[MistakeCode]) -> None:
    assert _refusal(data) == codes


def test_a_row_that_cannot_be_used_is_refused_alone() -> None:
    too_long = "x" * (csv_input.LONGEST_CELL + 1)
    lines = _read(f"Nom,Site\na,b,c\nc,,,\n{too_long}\n".encode())
    assert [[one.code for one in line.mistakes] for line in lines] == [
        [MistakeCode.ROW_TOO_LONG],
        [],
        [MistakeCode.TOO_LONG],
    ]


@given(st.text(alphabet="=+-@'\t\r\n| ＝0a" + string.ascii_letters, max_size=8))
def test_a_neutral_cell_leads_back_to_what_was_written(cell: str) -> None:
    assert as_written(_neutral(cell)) == cell


@given(st.text(max_size=8).filter(lambda cell: "\0" not in cell))
def test_any_cell_leads_back_to_what_was_written(cell: str) -> None:
    assert as_written(_neutral(cell)) == cell


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Invalid):
        assert _read(data)


@pytest.mark.parametrize(
    ("text", "number"), [("", None), ("30", 30), (" 86 400 ", 86_400), ("86\u202f400", 86_400)]
)
def test_numbers(text: str, number: int | None) -> None:
    assert whole_number(text, "x") == number


@pytest.mark.parametrize("text", ["x", "-1", "3.5", "٣", "1" * 10, "1e3", "²"])
def test_no_numbers(text: str) -> None:
    with pytest.raises(Invalid):
        whole_number(text, "x")


@pytest.mark.parametrize("text", ["2026-11-30", "30/11/2026", "30.11.2026", "2026-11-3"])
def test_dates(text: str) -> None:
    day = calendar_day(text, "x")
    assert day is not None
    assert day.isoformat() in {"2026-11-30", "2026-11-03"}


@pytest.mark.parametrize("text", ["2026-02-30", "11/30/2026", "0/1/2026", "tomorrow", "0000-01-01"])
def test_no_dates(text: str) -> None:
    with pytest.raises(Invalid):
        calendar_day(text, "x")
