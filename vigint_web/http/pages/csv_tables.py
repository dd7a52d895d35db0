"""Answer a request with a table as CSV (RFC 4180), for spreadsheets."""

import codecs
import csv
import io
from collections.abc import Iterable, Sequence

from flask_babel import get_locale
from werkzeug.wrappers import Response

# Where the decimal sign is a comma, spreadsheets separate columns by semicolons.
_SEPARATORS = {"fr": ";"}
# A cell that begins with one of these is calculated, and may contact servers (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")


def csv_answer(name: str, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Return a table as a file to download, in UTF-8 with a byte order mark.

    Args:
        name: the file's name, in ASCII.
        rows: of as many cells as there are titles, or fewer; formulas in them become text.
    """
    lines = io.BytesIO(codecs.BOM_UTF8)
    lines.seek(0, io.SEEK_END)
    text = io.TextIOWrapper(lines, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, delimiter=_SEPARATORS.get(str(get_locale()), ","))
    writer.writerow(titles)
    writer.writerows([_neutral(cell) for cell in row] for row in rows)
    answer = Response(lines.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _neutral(cell: str) -> str:
    """Return a cell that a spreadsheet reads as text."""
    cell = cell.replace("\0", "")
    return f"'{cell}" if _calculates(cell) else cell


def as_written(cell: str) -> str:
    """Return what a cell of such a file was made from: the reverse of making it a text."""
    return cell[1:] if cell.startswith("'") and _calculates(cell) else cell


def _calculates(cell: str) -> bool:
    """Return whether a formula begins a cell, after any apostrophes that were put before it."""
    return cell.lstrip("' ").startswith(_FORMULA)
