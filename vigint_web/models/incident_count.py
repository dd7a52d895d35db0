"""Kept counts of incidents, and what of each is in them; see services/reports/counts.py."""

from datetime import date, datetime

from sqlalchemy import JSON, Date, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime

# Counts of all sites together, of which actors who see every site read a single row.
EVERY_SITE = 0


class IncidentCount(Base):
    """The counts of one group of incidents, of one day or week of a site's calendar.

    No constraint refers to sites or cameras: a count must not keep one from being deleted.
    """

    __tablename__ = "incident_counts"

    site_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # A value of services/reports/count_groups.py.
    span: Mapped[str] = mapped_column(String(4), primary_key=True)
    dimension: Mapped[str] = mapped_column(String(8), primary_key=True)
    # A week's Monday.
    start: Mapped[date] = mapped_column(Date, primary_key=True)
    value: Mapped[str] = mapped_column(String(100), primary_key=True)
    incidents: Mapped[int] = mapped_column(default=0)
    undecided: Mapped[int] = mapped_column(default=0)
    confirmed: Mapped[int] = mapped_column(default=0)
    false_alarms: Mapped[int] = mapped_column(default=0)
    # Histograms of the time from detection: the number of incidents by bucket.
    mailed: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    viewed: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    decided: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)


class CountedIncident(Base):
    """What of an incident is in the counts; kept while it is, also when its mails are deleted."""

    __tablename__ = "counted_incidents"
    __table_args__ = (
        Index(
            "ix_counted_incidents_apart",
            "site_id",
            "day",
            sqlite_where=text("apart"),
            postgresql_where=text("apart"),
        ),
    )

    incident_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    site_id: Mapped[int]
    # Its day and hour in the site's zone.
    day: Mapped[date] = mapped_column(Date)
    hour: Mapped[int] = mapped_column(SmallInteger)
    risk: Mapped[str] = mapped_column(String(16))
    incident_type: Mapped[str] = mapped_column(String(100))
    camera_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(16))
    decision: Mapped[str | None] = mapped_column(String(16))
    # Confidential: in no kept count, and added for each reader who may see it.
    apart: Mapped[bool] = mapped_column(default=False)
    # Buckets of a histogram; null: not yet.
    mailed: Mapped[int | None] = mapped_column(SmallInteger)
    viewed: Mapped[int | None] = mapped_column(SmallInteger)
    decided: Mapped[int | None] = mapped_column(SmallInteger)


class CountChange(Base):
    """An incident that changed since it was counted; written in the transaction that changes it."""

    __tablename__ = "count_changes"
    __table_args__ = (Index("ix_count_changes_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # Without a constraint: the incident may be deleted before it is counted.
    incident_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
