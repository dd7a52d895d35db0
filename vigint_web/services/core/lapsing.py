"""Decide whether a stored deadline has passed, even after the clock was set.

Leases and pauses are stored as the time at which they end. When the clock is set back, such a time
is further in the future than its maximum: it counts as passed, instead of delaying work for as long
as the clock jumped.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow

# The tolerated difference of the clocks of machines that share a database.
SKEW = timedelta(seconds=30)

Column = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def lapsed(column: Column, longest: timedelta) -> ColumnElement[bool]:
    """Return the condition that a stored deadline has passed; null always has.

    Args:
        longest: the maximum distance of such a time.
    """
    now = utcnow()
    return or_(column.is_(None), column <= now, column > now + longest + SKEW)


def has_lapsed(moment: datetime | None, longest: timedelta) -> bool:
    """Return whether a stored deadline has passed; like `lapsed` for a column."""
    now = utcnow()
    return moment is None or moment <= now or moment > now + longest + SKEW
