"""Decide whether a stored time that holds something back has passed, also after the clock was set.

Leases and pauses are stored as the time at which they end. When the clock is set back, such a time
lies further ahead than it can have been set: it counts as passed, instead of holding work back for
as long as the clock jumped.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow

# How far the clocks of machines that share a database may differ.
SKEW = timedelta(seconds=30)

Column = InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]


def lapsed(column: Column, longest: timedelta) -> ColumnElement[bool]:
    """Return the condition under which a stored time holds nothing back; null never does.

    Args:
        longest: how far ahead such a time is ever set.
    """
    now = utcnow()
    return or_(column.is_(None), column <= now, column > now + longest + SKEW)


def has_lapsed(moment: datetime | None, longest: timedelta) -> bool:
    """Return whether a stored time holds nothing back; as `lapsed` does for a column."""
    now = utcnow()
    return moment is None or moment <= now or moment > now + longest + SKEW
