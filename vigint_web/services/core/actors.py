"""Represent the actor: a person, a key, or the system; callers pass it to services."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.models import ApiKey, Role, User
from vigint_web.permissions import Permission, may


@dataclass(frozen=True)
class Actor:
    """The acting identity, and the sites it may see (None: all)."""

    label: str
    role: Role | None = None
    user_id: int | None = None
    api_key_id: int | None = None
    site_ids: frozenset[int] | None = frozenset()
    # The session of an acting person; 0: none.
    session_id: int = 0

    def may(self, permission: Permission) -> bool:
        """Return whether a person's role allows something."""
        return self.role is not None and may(self.role, permission)

    def sees(self, site_id: int | None) -> bool:
        """Return whether this actor may see a site; None: things without a site."""
        return self.site_ids is None or site_id in self.site_ids

    def scope(
        self, column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
    ) -> ColumnElement[bool]:
        """Return the condition that limits a query to this actor's sites."""
        return true() if self.site_ids is None else column.in_(self.site_ids)


SYSTEM = Actor(label="system", site_ids=None)


def as_user(user: User) -> Actor:
    """Return the actor of a logged-in user."""
    every = user.role == Role.ADMIN
    return Actor(
        label=user.email,
        role=Role(user.role),
        user_id=user.id,
        site_ids=None if every else frozenset(site.id for site in user.sites),
        session_id=user.session_id,
    )


def as_key(key: ApiKey) -> Actor:
    """Return the actor of an API key."""
    return Actor(label=f"key:{key.prefix}", api_key_id=key.id, site_ids=frozenset({key.site_id}))


def command_line(name: str = "command line") -> Actor:
    """Return the actor of the command line, a person with a shell on the server."""
    return Actor(label=name, site_ids=None)


@dataclass(frozen=True)
class Visitor:
    """An address and the visitor's user agent; neither is proof.

    The mark is the value of a cookie set by a link's page, if the browser keeps it.
    """

    address: str
    user_agent: str
    mark: str | None = None
