"""A site: the place that cameras, sources, incidents and keys belong to."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Date, ForeignKey, Index, String, UniqueConstraint, false, func, true
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.sql.elements import ColumnElement

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class LegalRegime(StrEnum):
    """Whether a camera films a place that is open to the public."""

    OPEN = "open"
    CLOSED = "closed"


class Site(Base):
    """A place with its own cameras; a small installation has a single one."""

    __tablename__ = "sites"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # The postal address.
    address: Mapped[str | None] = mapped_column(String(300))
    # Null: those of the configuration; see services/core/site_settings.py.
    timezone: Mapped[str | None] = mapped_column(String(64))
    locale: Mapped[str | None] = mapped_column(String(8))
    cooldown_seconds: Mapped[int | None]
    # Sharing one of its videos requires a reason; alerts never wait for one.
    sharing_needs_reason: Mapped[bool] = mapped_column(default=False, server_default=false())


class Camera(Base):
    """A camera of a site, identified by its detector's name for it."""

    __tablename__ = "cameras"
    __table_args__ = (
        UniqueConstraint("site_id", "name"),
        Index("ix_cameras_site_shown_name", "site_id", "shown_name", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    # What detectors call it. It never changes, so that they go on finding a renamed camera.
    detector_name: Mapped[str] = mapped_column("name", String(200))
    # Null: the detector's name.
    shown_name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # Null: not stated.
    legal_regime: Mapped[LegalRegime | None] = mapped_column(String(16))
    authorisation_number: Mapped[str | None] = mapped_column(String(100))
    authorisation_ends: Mapped[date | None] = mapped_column(Date)
    # Days for which its footage must and may be kept, as authorised.
    least_days: Mapped[int | None]
    most_days: Mapped[int | None]
    # False: the sound of its clips is removed before anything else is made of them.
    keeps_sound: Mapped[bool] = mapped_column(default=True, server_default=true())

    site: Mapped[Site] = relationship(lazy="joined")

    @hybrid_property
    def name(self) -> str:
        """Return the name that people see."""
        return self.shown_name or self.detector_name

    @name.inplace.expression
    @classmethod
    def _name(cls) -> ColumnElement[str]:
        return func.coalesce(cls.shown_name, cls.detector_name)
