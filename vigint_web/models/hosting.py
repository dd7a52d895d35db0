"""Hostings: clips that another server hosts for this one."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.incident import Incident
from vigint_web.models.types import Claimable, Holdable, UtcDateTime, Watched


class HostingState(StrEnum):
    """The state of an upload to another host."""

    PENDING = "pending"  # to be uploaded, now or at next_attempt_at
    HOSTED = "hosted"
    # The local link was used instead. With a next attempt: a copy may exist there that no mail
    # references, and is to be deleted.
    FAILED = "failed"


class Hosting(Claimable, Holdable, Watched, Base):
    """One incident's clip on another host, or on its way there."""

    __tablename__ = "hostings"
    __table_args__ = (Index("ix_hostings_due", "state", "next_attempt_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), unique=True
    )
    # Its address without path or secrets, for people.
    host: Mapped[str] = mapped_column(String(300))
    state: Mapped[HostingState] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # When the local link is used instead.
    give_up_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remote_id: Mapped[str | None] = mapped_column(String(64))
    # The private link there; encrypted, because its token cannot be derived here.
    sealed_link: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)

    incident: Mapped[Incident] = relationship(lazy="joined")
