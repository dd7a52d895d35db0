"""Retention: what is in force, pending proposals, and each machine's configuration."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class RetentionSetting(Base):
    """One key of the section [Retention]: the days in force, and a pending shorter proposal."""

    __tablename__ = "retention_settings"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    # Null: kept until deleted by a user.
    days: Mapped[int | None]

    # Null: nothing is proposed.
    proposed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    proposed_days: Mapped[int | None]
    proposed_by: Mapped[str | None] = mapped_column(String(200))
    # Elapsed time observed by a scheduler; setting the clock does not change it.
    waited_seconds: Mapped[int] = mapped_column(default=0)
    noted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # An administrator decided to keep the value in force as long as the configuration differs.
    declined_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    declined_by: Mapped[str | None] = mapped_column(String(254))

    # Dates of videos up to this id are being moved; null: all are up to date.
    moved_through_id: Mapped[int | None]
    # The number of dates, and of links' ends, changed so far.
    moved_videos: Mapped[int] = mapped_column(default=0)
    moved_links: Mapped[int] = mapped_column(default=0)


class RetentionReport(Base):
    """The configuration read by one machine's scheduler."""

    __tablename__ = "retention_reports"

    machine: Mapped[str] = mapped_column(String(200), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    days: Mapped[int | None]
    source_days: Mapped[int | None]
    log_days: Mapped[int | None]


class CameraLimits(Base):
    """The days for which a camera's footage must and may be kept, in force and pending.

    Its settings state what is wanted; without a row no limit is in force.
    """

    __tablename__ = "camera_limits"

    camera_id: Mapped[int] = mapped_column(
        ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True
    )
    least_days: Mapped[int | None]
    most_days: Mapped[int | None]

    # Null: nothing is proposed.
    proposed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    proposed_least_days: Mapped[int | None]
    proposed_most_days: Mapped[int | None]
    # Elapsed time observed by a scheduler, as of a setting.
    waited_seconds: Mapped[int] = mapped_column(default=0)
    noted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
