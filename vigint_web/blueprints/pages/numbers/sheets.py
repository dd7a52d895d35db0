"""The tables of the page of numbers, for people and for spreadsheets alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask_babel import gettext as _

from vigint_web.i18n.formats import long_day, number, percent, short_day, spoken_duration
from vigint_web.i18n.sentences import risk_label
from vigint_web.services.reports.count_groups import Counts
from vigint_web.services.reports.histograms import Usual, usual
from vigint_web.services.reports.numbers import Numbers, Row


@dataclass(frozen=True)
class Line:
    """One row of a table: its label, for charts a short one, and its counts.

    Args:
        times: median and 90th percentile until mail, first play and decision.
    """

    label: str
    short: str
    counts: Counts
    times: tuple[Usual, Usual, Usual]


@dataclass(frozen=True)
class Cell:
    """What a table says at one place: a value, below it a further one in small."""

    value: str
    below: str = ""


class Words:
    """The words of one page: the same durations and numbers occur again and again."""

    def __init__(self) -> None:
        self._durations: dict[Usual, Cell] = {}
        self._numbers: dict[int, str] = {}

    def cells(self, line: Line) -> list[Cell]:
        """Return what a row says beside its label."""
        counts, part = line.counts, line.counts.share_of_false_alarms
        return [
            Cell(self._number(counts.incidents)),
            Cell(self._number(counts.undecided)),
            Cell(self._number(counts.false_alarms), "" if part is None else percent(part)),
            *(self.duration(usual) for usual in line.times),
        ]

    def duration(self, usual: Usual) -> Cell:
        """Return a median, and below it the 90th percentile; "–" if there is none."""
        if usual not in self._durations:
            self._durations[usual] = Cell(spoken_duration(usual.median), self._most(usual))
        return self._durations[usual]

    def _most(self, usual: Usual) -> str:
        if usual.nine_tenths is None:
            return ""
        return str(_("90%% within %(time)s", time=spoken_duration(usual.nine_tenths)))

    def _number(self, value: int) -> str:
        if value not in self._numbers:
            self._numbers[value] = str(number(value))
        return self._numbers[value]


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
    return Line(label, short or label, counts, times)


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
