"""Column types and mixins that several tables share."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, false, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from vigint_web.clock import utcnow


class UtcDateTime(TypeDecorator[datetime]):
    """Store aware times as UTC and return them aware, on databases with and without zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Refuse naive times: an assumed zone could give evidence a wrong hour."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as above
        """Return the time in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


ATTEMPTS = 5


class Claimable:
    """Ownership of a row by one worker: an attempt number and a lease that a heartbeat renews."""

    attempt: Mapped[int] = mapped_column(default=0)
    # If all workers of a row die, the row is the likely cause: beyond this number it is not
    # retried.
    attempt_limit: Mapped[int] = mapped_column(default=ATTEMPTS)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


# Limits an index to the rows on hold: few, or none.
HELD: dict[str, Any] = {
    "sqlite_where": text("on_hold = 1"),
    "postgresql_where": text("on_hold"),
}


class Holdable:
    """A hold on a notification that was pending in a restored backup."""

    on_hold: Mapped[bool] = mapped_column(default=False, server_default=false())


class Watched:
    """The time of a row's last change, for polls of open pages."""

    changed_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=utcnow, onupdate=utcnow, index=True
    )
