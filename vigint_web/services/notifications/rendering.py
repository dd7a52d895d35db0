"""Compose the mail of a notification, from the current rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select

from vigint_web.extensions import db
from vigint_web.mail.digest import (
    MOST_LISTED,
    DigestMail,
    KeptFacts,
    RepeatFacts,
    RepeatsMail,
    UndeliverableMail,
    compose_digest,
    compose_repeats,
    compose_undeliverable,
)
from vigint_web.mail.logbook import LogbookMail, compose_logbook
from vigint_web.mail.messages import (
    AlertMail,
    ClipFacts,
    LinkMail,
    OutgoingMail,
    compose_alert,
    compose_played,
    compose_shared,
)
from vigint_web.mail.words import place_of
from vigint_web.models import (
    Incident,
    Link,
    Notification,
    NotificationKind,
    NotificationState,
    RiskLevel,
    Site,
)
from vigint_web.services.core import addresses
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.hidden_rows import hidden_from
from vigint_web.services.core.runtime import config
from vigint_web.services.core.site_settings import locale_of, zone_of
from vigint_web.services.dispatch import digests
from vigint_web.services.hosting.remote import foreign_token
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.links.links import private_url, token_of
from vigint_web.services.logbook.nights import Night
from vigint_web.services.logbook.reading import read_night
from vigint_web.services.notifications.clip_facts import clip_of, failure_of, renew_link
from vigint_web.services.notifications.confirmation import confirmation_of
from vigint_web.services.notifications.recipient_locale import known_locale, mail_locale
from vigint_web.services.sources.sources import find_source_of

_MOST_FAILURES = 50


class MailObsolete(Exception):
    """A pending mail is obsolete; carries a code of `i18n.deliveries`."""


class NotYet(Exception):
    """A mail has to wait for its content."""


@dataclass(frozen=True)
class RenderedMail:
    """A mail, and the link whose token it contains, if any."""

    message: OutgoingMail
    link: Link | None = None
    # The token of another host's link, if the mail contains it.
    foreign_token: str | None = None
    # Of a mail about several: the tokens it contains, with the numbers of their links (0: another
    # host's), and the notifications that it covers.
    tokens: dict[str, int] = field(default_factory=dict)
    covered: tuple[int, ...] = ()


def render_mail(notification: Notification) -> RenderedMail:
    """Return the mail of a notification; an expired link of an incident is replaced by a new one.

    Raises:
        NothingToSay: its subject was deleted.
        NotYet: its content is still being made.
    """
    if notification.kind == NotificationKind.UNDELIVERABLE:
        return RenderedMail(compose_undeliverable(_failures(notification), config()))
    if notification.kind == NotificationKind.NIGHT_LOG:
        return RenderedMail(compose_logbook(_night_log(notification), config()))
    if notification.incident is not None:
        if notification.is_digest:
            return _digest(notification)
        if notification.kind == NotificationKind.REPEATS:
            return _repeats(notification, notification.incident)
        renew_link(notification, notification.incident)
        return _single(notification, notification.incident, notification.message_id)
    link = notification.link
    if link is None or (
        notification.kind == NotificationKind.SHARED and link.revoked_at is not None
    ):
        raise MailObsolete("link_gone")
    if notification.kind == NotificationKind.SHARED:
        return RenderedMail(compose_shared(_about_link(notification, link), config()), link)
    return RenderedMail(compose_played(_about_link(notification, link), config()), None)


def _night_log(notification: Notification) -> LogbookMail:
    """Return the log of a night; without the incidents that only named people see."""
    night = notification.night
    site = db.session.get(Site, night.site_id) if night is not None else None
    if night is None or site is None:
        raise MailObsolete("subject_gone")
    reader = Actor(label=notification.recipient, site_ids=frozenset({site.id}))
    with hidden_from(None):
        found = read_night(reader, site, Night(night.day, night.began_at, night.ended_at))
    return LogbookMail(
        recipient=notification.recipient,
        message_id=notification.message_id,
        locale=mail_locale(notification.recipient, site),
        night=found,
        page=addresses.logbook_page(site.id, night.day),
    )


def _single(notification: Notification, incident: Incident, message_id: str) -> RenderedMail:
    clip = clip_of(notification, incident)
    facts = facts_of(notification, incident, clip, failure_of(notification, incident))
    carried = notification.link if facts.clip is not None else None
    foreign = foreign_token(facts.clip.url) if facts.clip is not None and not carried else None
    return RenderedMail(
        compose_alert(replace(facts, message_id=message_id), config()), carried, foreign
    )


def _about_link(notification: Notification, link: Link) -> LinkMail:
    incident = find_incident_of(link.video_id)
    address = (
        private_url(link, link.video.public_id)
        if notification.kind == NotificationKind.SHARED
        else addresses.link_page(link.id)
    )
    return LinkMail(
        recipient=notification.recipient,
        message_id=notification.message_id,
        url=address,
        sharer=link.created_by,
        link_recipient=link.recipient or "",
        **_video_of(link, incident),
        note=link.note,
        not_before=link.not_before,
        expires_at=link.expires_at,
        max_views=link.max_views,
        played_at=link.first_played_at,
        locale=known_locale(notification.recipient) or _locale_of_link(link),
    )


def _video_of(link: Link, incident: Incident | None) -> dict[str, Any]:
    """Return the subject of a link's video, its place, time, and reference."""
    if incident is not None:
        return {
            "about": incident.incident_type,
            "place": _place(incident),
            "reference": incident.reference,
            "detected_at": incident.detected_at,
            "confirmed": confirmation_of(incident, at_once=True),
            "zone": zone_of(incident.site),
            "is_test": incident.is_test,
        }
    source = find_source_of(link.video_id)
    if source is None:
        return {"about": ""}
    return {
        "about": source.name,
        "place": source.site.name,
        "reference": source.source_id,
        "zone": zone_of(source.site),
    }


def _locale_of_link(link: Link) -> str | None:
    site = db.session.get(Site, link.site_id)
    return locale_of(site) if site is not None else None


def _place(incident: Incident) -> str:
    camera = incident.camera.name if incident.camera else None
    return place_of(incident.site_name or incident.site.name, camera)


def _what(incident: Incident) -> str:
    return f"{incident.incident_type} – {_place(incident)}"


def facts_of(
    notification: Notification, incident: Incident, clip: ClipFacts | None, failure: str
) -> AlertMail:
    """Return the content of a recipient's mail about the incident.

    Args:
        failure: the code of why there is no clip, if there is none.
    """
    return AlertMail(
        recipient=notification.recipient,
        message_id=notification.message_id,
        reference=incident.reference,
        alert_type=_one_line(incident.extra.get("alert_type") or "security").upper()[:40],
        incident_type=incident.incident_type,
        risk_level=incident.risk_level,
        message=incident.message,
        site=incident.site_name or incident.site.name,
        camera=incident.camera.name if incident.camera else None,
        detected_at=incident.detected_at,
        confirmed=confirmation_of(incident),
        is_test=incident.is_test,
        zone_assumed=incident.zone_assumed,
        frame_count=incident.frame_count,
        confidence=incident.confidence,
        analysis=incident.analysis,
        clip=clip,
        locale=mail_locale(notification.recipient, incident.site),
        zone=zone_of(incident.site),
        failure_code=None if clip is not None else failure,
    )


def _repeats(notification: Notification, first: Incident) -> RenderedMail:
    rows = digests.gathered_in(notification.id)
    if digests.wait_for_more(notification, rows):
        raise NotYet
    if not rows:
        raise MailObsolete("subject_gone")
    tokens: dict[str, int] = {}
    for row in rows:
        if row.incident is not None:
            renew_link(row, row.incident)
    repeats = [(row, _repeat(row, tokens)) for row in rows]
    facts = RepeatsMail(
        recipient=notification.recipient,
        message_id=notification.message_id,
        first_message_id=_first_message_id(notification, first),
        locale=mail_locale(notification.recipient, first.site),
        zone=zone_of(first.site),
        reference=first.reference,
        incident_type=first.incident_type,
        site=first.site_name or first.site.name,
        camera=first.camera.name if first.camera else None,
        first_detected_at=first.detected_at,
        risk_level=_worst(fact.risk_level for _, fact in repeats if fact is not None),
        repeats=tuple(fact for _, fact in repeats if fact is not None),
        page=addresses.incident_page(first.reference),
    )
    return RenderedMail(
        compose_repeats(facts, config()), tokens=tokens, covered=tuple(row.id for row in rows)
    )


def _digest(notification: Notification) -> RenderedMail:
    """Return the mail that lists spooled alerts; of a single alert, the usual one."""
    rows = digests.gathered_in(notification.id)
    if digests.wait_for_more(notification, rows):
        raise NotYet
    known = [(row, row.incident) for row in rows if row.incident is not None][:MOST_LISTED]
    if not known:
        raise MailObsolete("subject_gone")
    for row, incident in known:
        renew_link(row, incident)
    if len(known) == 1:
        row, incident = known[0]
        written = _single(row, incident, notification.message_id)
        return replace(written, covered=(row.id,))
    tokens: dict[str, int] = {}
    entries = sorted(
        (_kept(row, incident, tokens) for row, incident in known),
        key=lambda entry: entry.fact.detected_at,
    )
    facts = DigestMail(
        recipient=notification.recipient,
        message_id=notification.message_id,
        locale=mail_locale(notification.recipient, known[0][1].site),
        zone=zone_of(known[0][1].site),
        reference=known[0][1].reference,
        risk_level=_worst(entry.fact.risk_level for entry in entries),
        entries=tuple(entries),
        page=addresses.incidents_page(),
    )
    # Alerts beyond the maximum of one mail are covered by the next.
    return RenderedMail(
        compose_digest(facts, config()), tokens=tokens, covered=tuple(row.id for row, _ in known)
    )


def _kept(row: Notification, incident: Incident, tokens: dict[str, int]) -> KeptFacts:
    return KeptFacts(incident.incident_type, _place(incident), _repeat_facts(row, incident, tokens))


def _repeat(row: Notification, tokens: dict[str, int]) -> RepeatFacts | None:
    return _repeat_facts(row, row.incident, tokens) if row.incident is not None else None


def _repeat_facts(row: Notification, incident: Incident, tokens: dict[str, int]) -> RepeatFacts:
    clip = clip_of(row, incident)
    if clip is not None and row.link is not None:
        tokens[token_of(row.link)] = row.link.id
    elif clip is not None:
        tokens[foreign_token(clip.url)] = 0
    return RepeatFacts(
        reference=incident.reference,
        risk_level=incident.risk_level,
        message=incident.message,
        detected_at=incident.detected_at,
        clip=clip,
        failure_code=None if clip is not None else failure_of(row, incident),
        is_test=incident.is_test,
    )


def _worst(levels: Iterable[str]) -> str:
    ranked = (RiskLevel(level) for level in levels)
    return max(ranked, key=lambda level: level.rank, default=RiskLevel.UNKNOWN)


def _first_message_id(notification: Notification, first: Incident) -> str | None:
    return db.session.scalar(
        select(Notification.message_id)
        .where(
            Notification.incident_id == first.id,
            Notification.recipient == notification.recipient,
            Notification.kind.in_([NotificationKind.VIDEO, NotificationKind.TEXT_ONLY]),
        )
        .order_by(Notification.id)
        .limit(1)
    )


def _failures(notification: Notification) -> UndeliverableMail:
    incident, link = notification.incident, notification.link
    if incident is None and link is None:
        raise MailObsolete("incident_gone")
    same = (
        Notification.incident_id == incident.id
        if incident is not None
        else Notification.incident_id.is_(None) & (Notification.link_id == notification.link_id)
    )
    failed = db.session.scalars(
        select(Notification)
        .where(
            same,
            Notification.state == NotificationState.FAILED,
            Notification.kind != NotificationKind.UNDELIVERABLE,
        )
        .order_by(Notification.id)
        .limit(_MOST_FAILURES)
    ).all()
    if not failed:
        raise MailObsolete("delivered_meanwhile")
    owner = incident or (find_incident_of(link.video_id) if link is not None else None)
    return UndeliverableMail(
        recipient=notification.recipient,
        message_id=notification.message_id,
        locale=mail_locale(notification.recipient, owner.site if owner is not None else None),
        zone=zone_of(owner.site) if owner is not None else None,
        reference=owner.reference if owner is not None else None,
        about=_what(owner) if owner is not None else "",
        detected_at=owner.detected_at if owner is not None else None,
        is_test=owner is not None and owner.is_test,
        failures=tuple((one.recipient, one.refused or one.error or "") for one in failed),
        page=addresses.incident_page(incident.reference)
        if incident is not None
        else addresses.link_page(link.id)
        if link is not None
        else addresses.public(),
    )


def _one_line(value: object) -> str:
    return " ".join(str(value).split())
