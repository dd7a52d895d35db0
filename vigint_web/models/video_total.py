"""Kept numbers of videos and of their bytes; see services/videos/totals.py."""

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.extensions import Base


class VideoTotal(Base):
    """A difference to the number of videos of a site, kind and status, and to their bytes.

    Triggers of `videos` add rows and change none, so that no transaction waits for another one's.
    No constraint refers to sites: a total must not keep one from being deleted.
    """

    __tablename__ = "video_totals"

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    videos: Mapped[int]
    size: Mapped[int] = mapped_column(BigInteger)
