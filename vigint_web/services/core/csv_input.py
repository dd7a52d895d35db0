"""Read a table that a person made with a spreadsheet: bytes to numbered rows. Pure."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vigint_web.errors import Invalid, Mistake, MistakeCode

LARGEST = 2 * 1024 * 1024
MOST_ROWS = 10_000
LONGEST_CELL = 5_000
_SEPARATORS = ";,\t"


@dataclass(frozen=True)
class Line:
    """One row of a table: the line on which it begins, and its cells by the keys of columns."""

    number: int
    cells: dict[str, str]
    mistakes: tuple[Mistake, ...] = field(default=())


def read_table(
    data: bytes, key_of: Callable[[str], str | None], *, required: Sequence[str]
) -> list[Line]:
    """Return the rows of a CSV file; empty ones are left out.

    UTF-8 with or without a byte order mark, UTF-16 with one, or Windows-1252 as older spreadsheets
    write it; separated by semicolons, commas or tabs; a first line `sep=;` is skipped.

    Args:
        key_of: returns the column that a title names; None: there is none.
        required: the columns without which nothing can be done.

    Raises:
        Invalid: the whole file cannot be used; says why.
    """
    if len(data) > LARGEST:
        raise _refused(MistakeCode.TABLE_TOO_LARGE, most=LARGEST // (1024 * 1024))
    text = _decoded(data)
    if "\0" in text:
        raise _refused(MistakeCode.TABLE_NOT_TEXT)
    skipped, text = _without_separator_line(text)
    first = text.partition("\n")[0]
    best = max(_SEPARATORS, key=lambda one: _known(first, one, key_of))
    rows = _rows(text, best, skipped)
    _number, titles = next(rows, (0, []))
    keys = _keys(titles, key_of, required)
    lines: list[Line] = []
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(lines) == MOST_ROWS:
            raise _refused(MistakeCode.TABLE_TOO_MANY_ROWS, most=MOST_ROWS)
        lines.append(_line(number, row, keys))
    if not lines:
        raise _refused(MistakeCode.TABLE_EMPTY)
    return lines


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _without_separator_line(text: str) -> tuple[int, str]:
    """Return how many lines were skipped, and the rest."""
    first, _end, rest = text.partition("\n")
    named = first.strip().lower().replace('"', "")
    return (1, rest) if named.startswith("sep=") and len(named) <= 5 else (0, text)


def _known(first: str, separator: str, key_of: Callable[[str], str | None]) -> int:
    """Return how many titles of the first line are known, if it is separated so."""
    try:
        titles = next(csv.reader([first.rstrip("\r")], delimiter=separator), [])
    except csv.Error:
        return 0
    return sum(key_of(title) is not None for title in titles)


def _rows(text: str, separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        begins = reader.line_num + skipped + 1
        try:
            row = next(reader, None)
        except csv.Error:
            raise _refused(MistakeCode.TABLE_DAMAGED, line=begins) from None
        if row is None:
            return
        yield begins, row


def _keys(
    titles: list[str], key_of: Callable[[str], str | None], required: Sequence[str]
) -> list[str]:
    while titles and not titles[-1].strip():
        titles.pop()
    found = [key_of(title) for title in titles]
    unknown = [title.strip() for title, key in zip(titles, found, strict=True) if key is None]
    mistakes = []
    if unknown:
        names = ", ".join(f"“{title[:60]}”" for title in unknown[:10])
        mistakes.append(Mistake(MistakeCode.TABLE_UNKNOWN_COLUMNS, None, {"names": names}))
    keys = [key for key in found if key is not None]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    mistakes += [Mistake(MistakeCode.TABLE_COLUMN_TWICE, key) for key in twice]
    missing = [key for key in required if key not in keys]
    mistakes += [Mistake(MistakeCode.TABLE_COLUMN_MISSING, key) for key in missing]
    if mistakes:
        raise Invalid(mistakes)
    return keys


def _line(number: int, row: list[str], keys: list[str]) -> Line:
    mistakes = []
    if any(cell.strip() for cell in row[len(keys) :]):
        mistakes.append(Mistake(MistakeCode.ROW_TOO_LONG, None, {"most": len(keys)}))
    if any(len(cell) > LONGEST_CELL for cell in row):
        mistakes.append(Mistake(MistakeCode.TOO_LONG, None, {"most": LONGEST_CELL}))
    cells = {key: row[at][:LONGEST_CELL] if at < len(row) else "" for at, key in enumerate(keys)}
    return Line(number, cells, tuple(mistakes))


def _refused(code: MistakeCode, **facts: str | int) -> Invalid:
    return Invalid([Mistake(code, None, facts)])
