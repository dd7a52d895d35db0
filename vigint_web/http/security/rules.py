"""State, for every route, who may use it. A route without a rule is refused, and a test fails."""

from dataclasses import dataclass

from vigint_web.models import Scope
from vigint_web.permissions import Permission


@dataclass(frozen=True)
class Anyone:
    """Public; the reason is part of the rule."""

    reason: str


@dataclass(frozen=True)
class Token:
    """For holders of a link's token; the view reads the link's row on every request."""


@dataclass(frozen=True)
class Key:
    """For programs whose API key has one of the scopes."""

    scope: Scope
    other: Scope | None = None


@dataclass(frozen=True)
class Person:
    """For logged-in users whose role has the permission; None: for all of them."""

    permission: Permission | None = None


@dataclass(frozen=True)
class PersonOrKey:
    """For users with the permission, who prove by a header that the request comes from our page,
    and for programs whose key has the scope.
    """

    permission: Permission
    scope: Scope


@dataclass(frozen=True)
class Monitor:
    """For this machine itself and for requests with the metrics token; a 404 to all others."""


Rule = Anyone | Token | Key | Person | PersonOrKey | Monitor

_UPLOADERS = PersonOrKey(Permission.MANAGE_SOURCES, Scope.UPLOAD)

RULES: dict[str, Rule] = {
    "static": Anyone("style sheets and scripts contain nothing private"),
    "bootstrap.static": Anyone("style sheets and scripts contain nothing private"),
    "health.health": Anyone("older programs send no key"),
    "health.healthz": Anyone("load balancers have no login"),
    "health.readyz": Anyone("load balancers have no login"),
    "metrics.show": Monitor(),
    "auth.login": Anyone("users log in here"),
    "auth.code": Anyone("the second step of the login, after the password"),
    "auth.forgot": Anyone("users who forgot their password cannot log in"),
    "auth.set_password": Anyone("for holders of a mailed link; the view checks its token"),
    "dashboard.reached": Anyone("a phone without a login; the view checks its token"),
    "dashboard.report_reach": Anyone("the same"),
    "auth.logout": Person(),
    "auth.language": Anyone("a visitor may choose a language"),
    "auth.account": Person(),
    "auth.preferences": Person(),
    "auth.security": Person(),
    "auth.end_session": Person(),
    "auth.end_other_sessions": Person(),
    "auth.begin_two_factor": Person(),
    "auth.two_factor_setup": Person(),
    "auth.two_factor_off": Person(),
    "auth.recovery_codes": Person(),
    "people.index": Person(Permission.MANAGE_PEOPLE),
    "people.invite": Person(Permission.MANAGE_PEOPLE),
    "people.show": Person(Permission.MANAGE_PEOPLE),
    "people.set_access": Person(Permission.MANAGE_PEOPLE),
    "people.resend": Person(Permission.MANAGE_PEOPLE),
    "people.send_reset": Person(Permission.MANAGE_PEOPLE),
    "people.show_link": Person(Permission.MANAGE_PEOPLE),
    "people.reset_two_factor": Person(Permission.MANAGE_PEOPLE),
    "people.end_sessions": Person(Permission.MANAGE_PEOPLE),
    "people.deactivate": Person(Permission.MANAGE_PEOPLE),
    "people.reactivate": Person(Permission.MANAGE_PEOPLE),
    "sites.index": Person(Permission.VIEW),
    "sites.show": Person(Permission.VIEW),
    "sites.new": Person(Permission.MANAGE_PEOPLE),
    "sites.add": Person(Permission.MANAGE_PEOPLE),
    "sites.edit": Person(Permission.MANAGE_PEOPLE),
    "sites.save": Person(Permission.MANAGE_PEOPLE),
    "sites.set_people": Person(Permission.MANAGE_PEOPLE),
    "imports.new": Person(Permission.MANAGE_PEOPLE),
    "imports.export": Person(Permission.MANAGE_PEOPLE),
    "imports.preview": Person(Permission.MANAGE_PEOPLE),
    "imports.apply": Person(Permission.MANAGE_PEOPLE),
    "cameras.index": Person(Permission.VIEW),
    "cameras.show": Person(Permission.VIEW),
    "cameras.new": Person(Permission.MANAGE_PEOPLE),
    "cameras.add": Person(Permission.MANAGE_PEOPLE),
    "cameras.edit": Person(Permission.MANAGE_PEOPLE),
    "cameras.save": Person(Permission.MANAGE_PEOPLE),
    "dashboard.home": Person(Permission.VIEW),
    "dashboard.live": Person(Permission.VIEW),
    "dashboard.test_alert": Person(Permission.MANAGE_INCIDENTS),
    "retention.confirm": Person(Permission.MANAGE_RETENTION),
    "retention.keep": Person(Permission.MANAGE_RETENTION),
    "retention.confirm_camera": Person(Permission.MANAGE_RETENTION),
    "retention.keep_camera": Person(Permission.MANAGE_RETENTION),
    "keys.index": Person(Permission.MANAGE_KEYS),
    "keys.add": Person(Permission.MANAGE_KEYS),
    "keys.create": Person(Permission.MANAGE_KEYS),
    "keys.revoke": Person(Permission.MANAGE_KEYS),
    "sources.index": Person(Permission.VIEW),
    "sources.show": Person(Permission.VIEW),
    "sources.live": Person(Permission.VIEW),
    "sources.live_list": Person(Permission.VIEW),
    "sources.accesses": Person(Permission.MANAGE_LINKS),
    "sources.edit": Person(Permission.MANAGE_SOURCES),
    "sources.save": Person(Permission.MANAGE_SOURCES),
    "sources.chosen_sources": Person(Permission.MANAGE_SOURCES),
    "sources.change_chosen": Person(Permission.MANAGE_SOURCES),
    "sources.keep_duplicate": Person(Permission.MANAGE_SOURCES),
    "sources.token_end": Person(Permission.MANAGE_SOURCES),
    "sources.revoke_token": Person(Permission.MANAGE_SOURCES),
    "sources.add": Person(Permission.MANAGE_SOURCES),
    "sources.upload": Person(Permission.MANAGE_SOURCES),
    "sources.retry": Person(Permission.MANAGE_SOURCES),
    "sources.cancel": Person(Permission.MANAGE_SOURCES),
    "sources.delete": Person(Permission.MANAGE_SOURCES),
    "sources.rotate": Person(Permission.MANAGE_SOURCES),
    "incidents.index": Person(Permission.VIEW),
    "incidents.export": Person(Permission.MANAGE_INCIDENTS),
    "incidents.show": Person(Permission.VIEW),
    "incidents.live": Person(Permission.VIEW),
    "incidents.live_list": Person(Permission.VIEW),
    "incidents.arrivals": Person(Permission.VIEW),
    "incidents.preview": Person(Permission.MANAGE_INCIDENTS),
    "incidents.preview_html": Person(Permission.MANAGE_INCIDENTS),
    "incidents.add_note": Person(Permission.MANAGE_INCIDENTS),
    "incidents.delete_test": Person(Permission.MANAGE_INCIDENTS),
    "incidents.tests_to_delete": Person(Permission.MANAGE_INCIDENTS),
    "incidents.delete_tests": Person(Permission.MANAGE_INCIDENTS),
    "incidents.retry": Person(Permission.MANAGE_INCIDENTS),
    "incidents.retry_alert": Person(Permission.MANAGE_INCIDENTS),
    "numbers.index": Person(Permission.VIEW),
    "numbers.export": Person(Permission.VIEW),
    "logbook.index": Person(Permission.VIEW),
    "logbook.save": Person(Permission.MANAGE_REVIEW),
    "review.decide": Person(Permission.MANAGE_INCIDENTS),
    "review.assign": Person(Permission.MANAGE_INCIDENTS),
    "review.chosen_incidents": Person(Permission.MANAGE_INCIDENTS),
    "review.change_chosen": Person(Permission.MANAGE_INCIDENTS),
    "review.restriction": Person(Permission.MANAGE_INCIDENTS),
    "review.restrict": Person(Permission.MANAGE_INCIDENTS),
    "review.lift": Person(Permission.MANAGE_INCIDENTS),
    "review.record": Person(Permission.MANAGE_INCIDENTS),
    "review.reason_list": Person(Permission.MANAGE_REVIEW),
    "review.add_reason": Person(Permission.MANAGE_REVIEW),
    "review.rename_reason": Person(Permission.MANAGE_REVIEW),
    "review.retire_reason": Person(Permission.MANAGE_REVIEW),
    "videos.stream": Person(Permission.VIEW),
    "videos.download": Person(Permission.MANAGE_INCIDENTS),
    "videos.poster": Person(Permission.VIEW),
    "videos.thumbnail": Person(Permission.VIEW),
    "videos.sprite": Person(Permission.VIEW),
    "videos.previews": Person(Permission.VIEW),
    "videos.chapters": Person(Permission.VIEW),
    "videos.clock": Person(Permission.VIEW),
    "videos.timeline": Person(Permission.VIEW),
    "videos.boxes": Person(Permission.VIEW),
    "links.index": Person(Permission.MANAGE_LINKS),
    "links.live_list": Person(Permission.MANAGE_LINKS),
    "links.show": Person(Permission.MANAGE_LINKS),
    "links.live": Person(Permission.MANAGE_LINKS),
    "links.revoke": Person(Permission.MANAGE_LINKS),
    "sharing.new": Person(Permission.MANAGE_LINKS),
    "sharing.share": Person(Permission.MANAGE_LINKS),
    "sharing.expiry": Person(Permission.MANAGE_LINKS),
    "sharing.send_again": Person(Permission.MANAGE_LINKS),
    "sharing.address": Person(Permission.MANAGE_LINKS),
    "sharing.revocation": Person(Permission.REVOKE_LINKS),
    "sharing.revoke_many": Person(Permission.REVOKE_LINKS),
    "outbox.index": Person(Permission.READ_OUTBOX),
    "outbox.live": Person(Permission.READ_OUTBOX),
    "outbox.show": Person(Permission.READ_OUTBOX),
    "outbox.html": Person(Permission.READ_OUTBOX),
    "outbox.download": Person(Permission.READ_OUTBOX),
    "outbox.retry": Person(Permission.READ_OUTBOX),
    "outbox.send_held": Person(Permission.RELEASE_MAILS),
    "outbox.drop_held": Person(Permission.RELEASE_MAILS),
    "player.page": Token(),
    "player.state": Token(),
    "player.stream": Token(),
    "api.video": Token(),
    "api.metadata": Token(),
    "api.download": Token(),
    "api.thumbnail": Token(),
    "ingest.create": Key(Scope.INGEST),
    "ingest.status": Key(Scope.INGEST, Scope.READ),
    "hosting.upload": Key(Scope.HOST),
    "hosting.verify": Key(Scope.HOST),
    "hosting.extend": Key(Scope.HOST),
    "hosting.delete": Key(Scope.HOST),
    "incident_review.decide": Key(Scope.REVIEW),
    "incident_review.add_note": Key(Scope.REVIEW),
    "incident_review.record": Key(Scope.REVIEW),
    "incident_review.assign": Key(Scope.REVIEW),
    "incident_review.reason_list": Key(Scope.REVIEW, Scope.READ),
    "incident_sharing.share": Key(Scope.SHARE),
    "incident_sharing.revoke": Key(Scope.SHARE),
    "records.sources": Key(Scope.READ),
    "records.source": Key(Scope.READ),
    "records.incidents": Key(Scope.READ),
    "records.link_list": Key(Scope.READ),
    "records.link": Key(Scope.READ),
    "records.accesses": Key(Scope.READ),
    "uploads.capabilities": Anyone("it returns the supported version of tus, and nothing private"),
    "uploads.index": _UPLOADERS,
    "uploads.create": _UPLOADERS,
    "uploads.show": _UPLOADERS,
    "uploads.receive": _UPLOADERS,
    "uploads.terminate": _UPLOADERS,
    "developers.openapi": Anyone("it describes the API and contains nothing private"),
    "developers.page": Person(Permission.VIEW),
}

# The routes for a user whose role requires a second factor that is not set up yet.
BEFORE_SECOND_FACTOR = {"auth.logout", "auth.begin_two_factor", "auth.two_factor_setup"}


def offered_scopes() -> list[Scope]:
    """Return the scopes that routes require; no others are offered."""
    return sorted({rule.scope for rule in RULES.values() if isinstance(rule, Key | PersonOrKey)})
