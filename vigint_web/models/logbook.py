"""The log of a site's nights: when and to whom it is mailed, and which nights were."""

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class LogbookSchedule(Base):
    """When a site's night begins and ends, and when and to whom its log is mailed.

    Times are minutes since midnight by the clock of the site.
    """

    __tablename__ = "logbook_schedules"

    site_id: Mapped[int] = mapped_column(
        ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    begins: Mapped[int] = mapped_column(SmallInteger)
    ends: Mapped[int] = mapped_column(SmallInteger)
    mailed_at: Mapped[int] = mapped_column(SmallInteger)
    # Addresses; none: nothing is mailed.
    recipients: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Nights that ended before are not mailed.
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class MailedNight(Base):
    """A night whose log was enqueued for mailing: each once, by whichever scheduler is first."""

    __tablename__ = "mailed_nights"
    __table_args__ = (UniqueConstraint("site_id", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    # The day on which the night begins, by the clock of the site.
    day: Mapped[date] = mapped_column(Date)
    # The night itself: a later change of the schedule does not change a log that is on its way.
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
