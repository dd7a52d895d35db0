"""API keys: the authentication of programs."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.site import Site
from vigint_web.models.types import UtcDateTime


class Scope(StrEnum):
    """The permissions of a key."""

    INGEST = "ingest"
    HOST = "host"
    READ = "read"
    UPLOAD = "upload"
    REVIEW = "review"
    SHARE = "share"


class ApiKey(Base):
    """A key of a program; only its hash is stored, and a prefix by which people recognize it."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    # Null until it is revoked.
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(254))

    site: Mapped[Site] = relationship(lazy="joined")

    def allows(self, scope: Scope) -> bool:
        """Return whether this key has the scope."""
        return scope.value in self.scopes.split()
