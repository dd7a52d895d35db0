"""Convert the cells of an import: numbers and dates as spreadsheets write them. Pure."""

import re
from datetime import date

from vigint_web.errors import Invalid, Mistake, MistakeCode

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})", re.ASCII)
_LONGEST_NUMBER = 9


def whole_number(text: str, field: str) -> int | None:
    """Return a number; None for an empty text.

    Raises:
        Invalid: it is none.
    """
    digits = re.sub(r"[\s\u00a0\u202f]", "", text)
    if not digits:
        return None
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
        raise Invalid([Mistake(MistakeCode.CELL_NOT_A_NUMBER, field, {"text": text[:60]})])
    return int(digits)


def calendar_day(text: str, field: str) -> date | None:
    """Return a date, written 2026-11-30, 30/11/2026 or 30.11.2026; None for an empty text.

    Raises:
        Invalid: it is none.
    """
    if not text:
        return None
    found, order = _ISO.fullmatch(text), (1, 2, 3)
    if found is None:
        found, order = _DAY_FIRST.fullmatch(text), (3, 2, 1)
    try:
        if found is not None:
            year, month, day = (int(found[place]) for place in order)
            return date(year, month, day)
    except ValueError:
        pass
    raise Invalid([Mistake(MistakeCode.CELL_NOT_A_DATE, field, {"text": text[:60]})])
