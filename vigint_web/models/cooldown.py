"""Cool-downs: for which cameras and types an alert went out a moment ago."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class Cooldown(Base):
    """The newest span in which repeats of one alert are gathered; one row per camera and type."""

    __tablename__ = "cooldowns"

    # SHA-256 of site, camera and type.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    # The first of the span, which was told of at once.
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id", ondelete="CASCADE"))
    # How bad the first was, from 0; a worse one breaks through.
    risk: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
