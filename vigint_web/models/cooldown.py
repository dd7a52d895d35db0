"""Cool-downs: which alerts were told of, for which cameras and types, and when they were seen."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class Cooldown(Base):
    """The newest first of one camera and type; its row is the lock under which spans are chosen."""

    __tablename__ = "cooldowns"

    # SHA-256 of site, camera and type.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    # How bad it was, from 0.
    risk: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class CooldownSpan(Base):
    """One first and the repeats grouped under it, by the times of their detection."""

    __tablename__ = "cooldown_spans"
    __table_args__ = (Index("ix_cooldown_spans_key_latest", "key", "latest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # That of the cool-down.
    key: Mapped[str] = mapped_column(String(64))
    # The first, which was told of at once.
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    # How bad the first was, from 0; a worse one breaks through.
    risk: Mapped[int]
    # When the first and the last of them were detected; never further apart than the cool-down.
    earliest: Mapped[datetime] = mapped_column(UtcDateTime)
    latest: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
