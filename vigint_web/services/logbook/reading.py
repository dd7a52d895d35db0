"""Collect the log of a site's night."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from vigint_web.extensions import db
from vigint_web.mail.logbook import ActFacts, DeliveryFacts, EntryFacts, NightFacts, ViewFacts
from vigint_web.models import (
    Access,
    ActKind,
    Audience,
    FalseAlarmReason,
    Incident,
    IncidentAct,
    Link,
    Notification,
    NotificationKind,
    Site,
)
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import SORTED_TOP
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.links.rules import Opening
from vigint_web.services.logbook.nights import Night

# More are read in the list of incidents, which has pages.
MOST_ENTRIES = 500
_ACTS = (
    ActKind.CONFIRMED,
    ActKind.FALSE_ALARM,
    ActKind.CLOSED,
    ActKind.REOPENED,
    ActKind.NOTE,
    ActKind.POLICE_CALLED,
    ActKind.CONFIRMED_BY_SIGHT,
)
# About other mails, or about several incidents.
_NOT_OF_ONE = (NotificationKind.REPEATS, NotificationKind.UNDELIVERABLE)
_OK = 200


def read_night(actor: Actor, site: Site, night: Night) -> NightFacts:
    """Return the log of a night of a site that the actor sees; an empty one of any other site."""
    wanted = IncidentFilter(site_id=site.id, since=night.begin, until=night.end)
    listed = IncidentList(actor, wanted).page(SORTED_TOP, MOST_ENTRIES)
    more = 0 if listed.next is None else IncidentList(actor, wanted).count() - MOST_ENTRIES
    rows = sorted(listed.rows, key=lambda row: (row.listed_at, row.id))
    earlier = _earlier(actor, site, night)
    entries = _Details([*rows, *earlier])
    return NightFacts(
        site=site.name,
        day=night.day,
        begin=night.begin,
        end=night.end,
        zone=zone_of(site),
        entries=tuple(entries.of(row) for row in rows),
        earlier=tuple(entries.of(row) for row in earlier),
        more=more,
    )


def _earlier(actor: Actor, site: Site, night: Night) -> list[Incident]:
    """Return the incidents received in a night and detected before it, as after an outage."""
    query = (
        select(Incident)
        .where(
            Incident.site_id == site.id,
            ~Incident.is_test,
            actor.scope(Incident.site_id),
            Incident.created_at >= night.begin,
            Incident.created_at < night.end,
            Incident.detected_at < night.begin,
        )
        .order_by(Incident.created_at, Incident.id)
    )
    rows = db.session.scalars(query.limit(MOST_ENTRIES))
    late = [row for row in rows if row.is_late]
    return sorted(late, key=lambda row: (row.listed_at, row.id))


@dataclass(frozen=True)
class _Times:
    recipient: str
    opened_at: datetime | None
    played_at: datetime | None


class _Details:
    """What is known about some incidents, read at once."""

    def __init__(self, rows: Sequence[Incident]) -> None:
        self._reasons = {
            row.code: row.label
            for row in db.session.execute(select(FalseAlarmReason.code, FalseAlarmReason.label))
        }
        ids = [row.id for row in rows]
        self._acts = _by_incident(
            select(IncidentAct)
            .where(IncidentAct.incident_id.in_(ids), IncidentAct.kind.in_(_ACTS))
            .order_by(IncidentAct.id)
        )
        self._notifications = _by_incident(
            select(Notification)
            .where(Notification.incident_id.in_(ids), Notification.kind.not_in(_NOT_OF_ONE))
            .order_by(Notification.id)
        )
        self._views = _views([row.video_id for row in rows if row.video_id is not None])

    def of(self, incident: Incident) -> EntryFacts:
        """Return the entry of an incident."""
        return EntryFacts(
            at=incident.listed_at,
            reference=incident.reference,
            incident_type=incident.incident_type,
            camera=incident.camera.name if incident.camera else None,
            risk_level=incident.risk_level,
            state=incident.state,
            received_at=incident.created_at if incident.is_late else None,
            acts=tuple(self._act(one) for one in self._acts[incident.id]),
            deliveries=tuple(_delivery(one) for one in self._notifications[incident.id]),
            views=tuple(
                ViewFacts(one.recipient, one.opened_at, one.played_at)
                for one in self._views[incident.video_id]
            ),
        )

    def _act(self, act: IncidentAct) -> ActFacts:
        label = self._reasons.get(act.reason) if act.reason else None
        return ActFacts(act.at, act.kind, act.actor, act.text, act.reason, label)


def _by_incident(query: Any) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in db.session.scalars(query):
        found[row.incident_id].append(row)
    return found


def _delivery(row: Notification) -> DeliveryFacts:
    return DeliveryFacts(
        recipient=row.recipient,
        is_call=row.is_call,
        state=row.state,
        sent_at=row.sent_at,
        failure=row.error or "",
        refused=row.refused,
    )


def _views(video_ids: Iterable[int]) -> defaultdict[int | None, list[_Times]]:
    """Return by video which recipients opened or played their links."""
    opened = (
        select(func.min(Access.at))
        .where(Access.link_id == Link.id, Access.what == Opening.PAGE.value, Access.status == _OK)
        .correlate(Link)
        .scalar_subquery()
    )
    query = (
        select(Link.video_id, Link.recipient, Link.first_played_at, opened.label("opened"))
        .where(
            Link.video_id.in_(list(video_ids)),
            Link.audience == Audience.PERSON,
            Link.recipient.is_not(None),
        )
        .order_by(Link.id)
    )
    found: defaultdict[int | None, list[_Times]] = defaultdict(list)
    for row in db.session.execute(query):
        if row.opened is not None or row.first_played_at is not None:
            found[row.video_id].append(_Times(row.recipient, row.opened, row.first_played_at))
    return found
