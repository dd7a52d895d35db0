"""Cool-downs: the alerts sent for each camera and type, and their times of detection."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class Cooldown(Base):
    """The newest first report of one camera and type; its row is the lock under which spans are
    chosen.
    """

    __tablename__ = "cooldowns"

    # SHA-256 of site, camera and type.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    # The rank of its risk, from 0.
    risk: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class CooldownSpan(Base):
    """A first report and the repeats grouped under it, by their times of detection."""

    __tablename__ = "cooldown_spans"
    __table_args__ = (Index("ix_cooldown_spans_key_latest", "key", "latest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    # That of the cool-down.
    key: Mapped[str] = mapped_column(String(64))
    # The first report, which was mailed at once.
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    # The rank of the first one's risk, from 0; a higher one is mailed at once.
    risk: Mapped[int]
    # When the first and the last of them were detected; never further apart than the cool-down.
    earliest: Mapped[datetime] = mapped_column(UtcDateTime)
    latest: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow, index=True)
