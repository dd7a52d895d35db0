"""Read the requested period of days; invalid values select the last 30 days."""

from dataclasses import dataclass
from datetime import date, timedelta

from vigint_web.http.pages.paging import asked_day, chosen

CHOICES = (7, 30, 90)
_DEFAULT = 30
# Two years; a page of more days is as slow as it is long.
LONGEST_DAYS = 731


@dataclass(frozen=True)
class AskedPeriod:
    """The requested days, the last one included; `choice` is 0 for exact dates."""

    first: date
    last: date
    choice: int
    # The requested dates were too many, or in the wrong order.
    is_corrected: bool = False

    @property
    def arguments(self) -> dict[str, str]:
        """Return the arguments with which an address keeps the period."""
        if self.choice:
            return {} if self.choice == _DEFAULT else {"days": str(self.choice)}
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def asked_period(today: date) -> AskedPeriod:
    """Return the period in the request's query: `days`, else `from` and `to`."""
    since, until = asked_day("from"), asked_day("to")
    if since is None and until is None:
        days = int(chosen("days", tuple(map(str, CHOICES))) or _DEFAULT)
        return AskedPeriod(today - timedelta(days=days - 1), today, days)
    last = until or max(today, since or today)
    first = since or last - timedelta(days=_DEFAULT - 1)
    if first > last:
        return AskedPeriod(last, first, 0, is_corrected=True)
    earliest = last - timedelta(days=LONGEST_DAYS - 1)
    return AskedPeriod(max(first, earliest), last, 0, is_corrected=first < earliest)
