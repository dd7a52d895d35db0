"""The tables of the page of numbers, for people and for spreadsheets alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask_babel import gettext as _

from vigint_web.i18n.formats import long_day, short_day
from vigint_web.i18n.sentences import risk_label
from vigint_web.services.reports.count_groups import Counts
from vigint_web.services.reports.histograms import Usual, usual
from vigint_web.services.reports.numbers import Numbers, Row


@dataclass(frozen=True)
class Line:
    """One row of a table: its label, for charts a short one, and its counts."""

    label: str
    short: str
    counts: Counts
    mailed: Usual
    viewed: Usual
    decided: Usual


@dataclass(frozen=True)
class Sheet:
    """One table; `kind` is its name in addresses, `head` the heading of its first column."""

    kind: str
    title: str
    head: str
    lines: list[Line]

    @property
    def most(self) -> int:
        """Return the largest number of incidents of a line; at least 1."""
        return max(1, *(line.counts.incidents for line in self.lines)) if self.lines else 1


def line_of(label: str, counts: Counts, short: str = "") -> Line:
    """Return the row of some counts."""
    times = usual(counts.mailed), usual(counts.viewed), usual(counts.decided)
    return Line(label, short or label, counts, *times)


def sheets_of(found: Numbers) -> list[Sheet]:
    """Return the tables of some numbers, in the reader's language."""
    by_week = found.by_week
    return [
        Sheet(
            "day",
            _("Per week") if by_week else _("Per day"),
            _("Week from") if by_week else _("Day"),
            [line_of(long_day(row.value), row.counts, short_day(row.value)) for row in found.spans],
        ),
        Sheet(
            "hour",
            _("Per hour of the day"),
            _("Hour"),
            [
                line_of(_("%(hour)s h", hour=row.value), row.counts, f"{row.value}")
                for row in found.hours
            ],
        ),
        Sheet("risk", _("Per risk"), _("Risk"), _lines(found.risks, risk_label)),
        Sheet("type", _("Per type"), _("Type"), _lines(found.types, str)),
        Sheet(
            "camera",
            _("Per camera"),
            _("Camera"),
            _lines(found.cameras, lambda name: name or _("Without a camera")),
        ),
    ]


def _lines(rows: Iterable[Row], words: Callable[[str], str]) -> list[Line]:
    return [
        line_of(_("All others") if row.value is None else words(row.value), row.counts)
        for row in rows
    ]
