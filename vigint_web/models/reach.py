"""Whether the public address was reached by a phone, as the first steps ask for."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.types import UtcDateTime


class Reach(Base):
    """The last scan of the code, by the `base_url` that it contained."""

    __tablename__ = "reaches"

    base_url: Mapped[str] = mapped_column(String(300), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    # It came from a public address; once it did, this remains.
    from_outside: Mapped[bool]
