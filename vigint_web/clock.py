"""Tell the time, always in UTC and always aware."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Return now in UTC."""
    return datetime.now(UTC)
