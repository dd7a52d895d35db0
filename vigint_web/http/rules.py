"""State, for every route, who may use it. A route without a rule is refused, and a test fails."""

from dataclasses import dataclass

from vigint_web.models import Scope
from vigint_web.permissions import Permission


@dataclass(frozen=True)
class Anyone:
    """Open to the world; the reason is part of the rule."""

    reason: str


@dataclass(frozen=True)
class Token:
    """Open to whoever holds a link's token; the view reads the link's row on every request."""


@dataclass(frozen=True)
class Key:
    """Open to programs whose API key has the scope."""

    scope: Scope


@dataclass(frozen=True)
class Person:
    """Open to logged-in people whose role has the permission; None: to all of them."""

    permission: Permission | None = None


Rule = Anyone | Token | Key | Person

RULES: dict[str, Rule] = {
    "static": Anyone("style sheets and scripts hold nothing private"),
    "bootstrap.static": Anyone("style sheets and scripts hold nothing private"),
    "health.healthz": Anyone("load balancers have no login"),
    "health.readyz": Anyone("load balancers have no login"),
    "auth.login": Anyone("this is where one becomes somebody"),
    "auth.logout": Person(),
    "auth.language": Anyone("a visitor may choose a language"),
    "auth.account": Person(),
    "dashboard.home": Person(Permission.VIEW),
    "sources.index": Person(Permission.VIEW),
    "sources.show": Person(Permission.VIEW),
    "sources.live": Person(Permission.VIEW),
    "sources.add": Person(Permission.MANAGE_SOURCES),
    "sources.upload": Person(Permission.MANAGE_SOURCES),
    "sources.retry": Person(Permission.MANAGE_SOURCES),
    "sources.delete": Person(Permission.MANAGE_SOURCES),
    "sources.rotate": Person(Permission.MANAGE_SOURCES),
    "incidents.index": Person(Permission.VIEW),
    "incidents.show": Person(Permission.VIEW),
    "incidents.live": Person(Permission.VIEW),
    "incidents.retry": Person(Permission.MANAGE_INCIDENTS),
    "incidents.retry_alert": Person(Permission.MANAGE_INCIDENTS),
    "videos.stream": Person(Permission.VIEW),
    "videos.poster": Person(Permission.VIEW),
    "links.index": Person(Permission.REVOKE_LINKS),
    "links.show": Person(Permission.REVOKE_LINKS),
    "links.revoke": Person(Permission.REVOKE_LINKS),
    "outbox.index": Person(Permission.READ_OUTBOX),
    "outbox.show": Person(Permission.READ_OUTBOX),
    "outbox.html": Person(Permission.READ_OUTBOX),
    "player.page": Token(),
    "player.state": Token(),
    "player.stream": Token(),
    "api.video": Token(),
    "api.metadata": Token(),
    "api.download": Token(),
    "api.thumbnail": Token(),
    "ingest.create": Key(Scope.INGEST),
    "ingest.status": Key(Scope.INGEST),
}
