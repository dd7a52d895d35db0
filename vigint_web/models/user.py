"""Users who log in, and the sites granted to them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, ForeignKey, String, Table, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.site import Site
from vigint_web.models.types import UtcDateTime


class Role(StrEnum):
    """A user's role; its permissions are defined in `permissions`."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


user_sites = Table(
    "user_sites",
    Base.metadata,
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("site_id", ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
)


class User(Base):
    """A user with a login."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    # Null: invited, no password yet.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    password_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    invited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    role: Mapped[Role] = mapped_column(String(16))
    active: Mapped[bool] = mapped_column(default=True)
    # Encrypted under the installation's key: the database alone generates no code.
    totp_secret: Mapped[str | None] = mapped_column(String(300))
    # Null while it is being set up.
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The step of the last accepted code, so that none is accepted twice.
    totp_last_step: Mapped[int | None]
    # Null: the browser's language, and the installation's zone.
    locale: Mapped[str | None] = mapped_column(String(8))
    timezone: Mapped[str | None] = mapped_column(String(64))
    # Single-key shortcuts interfere with speech input (WCAG 2.2, 2.1.4).
    shortcuts: Mapped[bool] = mapped_column(default=True)
    # A new incident of HIGH or above is heard on the open list.
    alert_sound: Mapped[bool] = mapped_column(default=False, server_default=false())
    # An incident's video plays once, muted, when its page opens.
    autoplay: Mapped[bool] = mapped_column(default=True, server_default=true())
    # Incidents received before count as read. Null (made by a process of the version before):
    # those from before the user.
    unread_since: Mapped[datetime | None] = mapped_column(UtcDateTime, default=utcnow)
    # The last visits to the list of incidents: the one under way, and the one before it.
    list_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    list_seen_before_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    sites: Mapped[list[Site]] = relationship(secondary=user_sites, lazy="selectin")

    # Flask-Login's interface.
    is_authenticated = True
    is_anonymous = False
    # The session of the current request; not stored.
    session_id = 0
    session_token = ""

    @property
    def is_active(self) -> bool:
        """Return whether this user may log in."""
        return self.active

    @property
    def has_second_factor(self) -> bool:
        """Return whether a code is required beside the password."""
        return self.totp_confirmed_at is not None

    def get_id(self) -> str:
        """Return the value of the session cookie: a token that identifies a session."""
        return self.session_token
