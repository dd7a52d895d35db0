"""Uploads: bytes of a source that arrive in pieces, over unreliable connections."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.source import Source
from vigint_web.models.types import UtcDateTime


class Upload(Base):
    """A resumable upload in progress, or ended recently; only its creator may continue it."""

    __tablename__ = "uploads"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(64), unique=True)
    source_id: Mapped[int] = mapped_column(
        ForeignKey("sources.id", ondelete="CASCADE"), unique=True
    )
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # Incomplete uploads are removed then.
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    length: Mapped[int] = mapped_column(BigInteger)
    # Upload-Metadata as received, which the protocol requires to be returned.
    said: Mapped[str] = mapped_column(Text, default="")
    # As last written here; the staged bytes themselves are authoritative.
    offset: Mapped[int] = mapped_column(BigInteger, default=0)
    # The current writer, a random word per request, while its lease is renewed.
    writer: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)

    source: Mapped[Source] = relationship(lazy="joined")
