"""Review of incidents: what people did about each, and the reasons for false alarms."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class ActKind(StrEnum):
    """What a person, or a program with the scope, did about an incident."""

    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    CLOSED = "closed"
    REOPENED = "reopened"
    NOTE = "note"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    # Records of what happened outside Vigint.
    POLICE_CALLED = "police_called"
    CONFIRMED_BY_SIGHT = "confirmed_by_sight"
    # Who may see it.
    RESTRICTED = "restricted"
    READERS_CHANGED = "readers_changed"
    UNRESTRICTED = "unrestricted"
    # Not by a reviewer: the end of its footage.
    VIDEO_DELETED = "video_deleted"
    # Nor this: as the settings of its camera require.
    SOUND_REMOVED = "sound_removed"


class IncidentAct(Base):
    """One act about an incident; rows are only added."""

    __tablename__ = "incident_acts"
    __table_args__ = (Index("ix_incident_acts_incident", "incident_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    kind: Mapped[ActKind] = mapped_column(String(24))
    # The address of a user, or a key by its prefix; it remains when they are gone.
    actor: Mapped[str] = mapped_column(String(254))
    # The note, or the explanation of a decision.
    text: Mapped[str] = mapped_column(Text, default="")
    # The code of a false alarm's reason.
    reason: Mapped[str | None] = mapped_column(String(64))
    # The address of the user an incident was assigned to.
    assignee: Mapped[str | None] = mapped_column(String(254))


class IncidentRead(Base):
    """A user opened an incident's page."""

    __tablename__ = "incident_reads"
    __table_args__ = (
        Index("ix_incident_reads_user", "user_id", "at"),
        {"sqlite_with_rowid": False},
    )

    incident_id: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class ConfidentialIncident(Base):
    """The mark of a confidential incident, which only its readers see."""

    __tablename__ = "confidential_incidents"

    incident_id: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    since: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # Raised by each change of the readers: of two changes of the same list the first counts.
    version: Mapped[int] = mapped_column(default=1)


class IncidentReader(Base):
    """A user who may see a confidential incident."""

    __tablename__ = "incident_readers"

    incident_id: Mapped[int] = mapped_column(
        ForeignKey("confidential_incidents.incident_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    )


class NamedRequest(Base):
    """An accepted request about an incident, by its key's name for it (`Idempotency-Key`)."""

    __tablename__ = "named_requests"
    __table_args__ = (UniqueConstraint("api_key_id", "request_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    api_key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"))
    request_id: Mapped[str] = mapped_column(String(255))
    # SHA-256 of what was asked.
    fingerprint: Mapped[str] = mapped_column(String(64))
    # Null: nothing was to change.
    act_id: Mapped[int | None] = mapped_column(ForeignKey("incident_acts.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)


class FalseAlarmReason(Base):
    """A reason for false alarms; administrators edit the list."""

    __tablename__ = "false_alarm_reasons"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Stable: incidents, acts and programs name reasons by it.
    code: Mapped[str] = mapped_column(String(64), unique=True)
    # Null: one of the initial reasons, shown in the reader's language.
    label: Mapped[str | None] = mapped_column(String(100))
    position: Mapped[int]
    # Removed from the choice; past decisions keep it.
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
