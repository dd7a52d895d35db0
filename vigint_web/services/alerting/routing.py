"""Decide who is told of what happens: recipients, programs, administrators."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from vigint_web.models import Alert, AlertKind, AlertState, Audience, Incident, Link, Video
from vigint_web.net.mail_reach import reachable
from vigint_web.services.accounts.users import FIRST_ADMIN, admin_addresses
from vigint_web.services.alerting import webhooks
from vigint_web.services.alerting.recipients import Refused
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch import backlog, digests
from vigint_web.services.dispatch.enqueue import new_alert, owe, send_off
from vigint_web.services.dispatch.on_hold import is_incident_held
from vigint_web.services.links.links import mint_link, program_link


def owe_alerts(incident: Incident, recipients: Sequence[str], video: Video | None) -> None:
    """Store what an incident is told by, inside the transaction that stores the incident.

    A mail to each recipient, once the video is ready or failed; a call of each webhook at once.
    Repeats of what a recipient was told of a moment ago are gathered, and so is what a detector
    had kept through an outage.

    Args:
        recipients: none: webhooks are called all the same.
    """
    with transaction() as session:
        # What a person posts, to try it out, is never a repeat.
        span = digests.join_cooldown(incident) if incident.api_key_id is not None else None
        told = digests.told_already(span.first_id) if span is not None else set()
        late = backlog.joins_digest(incident)
        for recipient in recipients:
            kind = AlertKind.TEXT_ONLY if video is None else AlertKind.VIDEO
            alert = new_alert(recipient, kind, incident_id=incident.id)
            gathered = late or (span is not None and recipient in told)
            if late:
                backlog.gather(alert, incident)
            elif span is not None and gathered:
                digests.gather(alert, span.first_id, digests.end_of_cooldown(span.first_id))
            if video is not None:
                alert.state = AlertState.WAITING
            elif gathered:
                alert.state = AlertState.GATHERED
            else:
                send_off(session, alert)
            session.add(alert)
        for name in webhooks.names():
            _call(session, name, incident, video)
        session.flush()


def owe_nothing(incident: Incident, refused: Sequence[Refused], video: Video | None) -> None:
    """Store that somebody who was named is not mailed, and why, in the caller's transaction."""
    kind = AlertKind.TEXT_ONLY if video is None else AlertKind.VIDEO
    with transaction() as session:
        for one in refused:
            alert = new_alert(one.recipient, kind, incident_id=incident.id)
            alert.state, alert.refused = AlertState.FAILED, one.code
            session.add(alert)


def _call(session: Session, name: str, incident: Incident, video: Video | None) -> None:
    link = None
    if video is not None:
        link = mint_link(SYSTEM, video, Audience.PERSON, recipient=name, hours=incident.link_hours)
    kind = AlertKind.TEXT_ONLY if video is None else AlertKind.VIDEO
    owe(session, name, kind, incident_id=incident.id, link_id=link.id if link else None, call=True)


def tell_of_video(video: Video, incident: Incident | None) -> None:
    """Owe every webhook a call about a video that is ready, or failed; as it is settled."""
    with transaction() as session:
        for name in webhooks.names():
            if incident is None:
                # A source is known by its program link, whose token no call ever carries.
                program = program_link(video.id)
                if program is not None:
                    owe(session, name, AlertKind.VIDEO_READY, link_id=program.id, call=True)
                continue
            held = is_incident_held(session, incident.id)
            told = session.execute(
                select(Alert.link_id)
                .where(
                    Alert.incident_id == incident.id,
                    Alert.recipient == name,
                    Alert.channel == webhooks.WEBHOOK,
                )
                .order_by(Alert.id)
                .limit(1)
            ).first()
            if told is None:  # of an incident that is to be told to nobody
                continue
            owe(
                session,
                name,
                AlertKind.VIDEO_READY,
                incident_id=incident.id,
                link_id=told.link_id,
                call=True,
                on_hold=held,
            )


def tell_administrators(failed: Alert) -> None:
    """Owe administrators a mail about one that nobody got, as it is given up.

    One for each incident, or link, however many recipients it fails for; none about itself.
    """
    nowhere = failed.incident_id is None and failed.link_id is None
    if failed.kind == AlertKind.UNDELIVERABLE or nowhere:
        return
    with transaction() as session:
        about = _about(session, failed)
        known = select(Alert.id).where(*about, Alert.kind == AlertKind.UNDELIVERABLE).limit(1)
        if session.scalar(known) is not None:
            return
        given_up = set(
            session.scalars(select(Alert.recipient).where(*about, Alert.state == AlertState.FAILED))
        ) | {failed.recipient}
        others = [address for address in admin_addresses() if address not in given_up]
        email = config().email
        if email.server is not None:
            others = reachable(others, email.sender)
        # The account of the first start has a made-up address: of use only where it is the one.
        for address in [other for other in others if other != FIRST_ADMIN] or others:
            owe(
                session,
                address,
                AlertKind.UNDELIVERABLE,
                incident_id=failed.incident_id,
                link_id=None if failed.incident_id is not None else failed.link_id,
            )


def _about(session: Session, failed: Alert) -> tuple[ColumnElement[bool], ...]:
    """Return what the failures of one incident, or link, have in common; its row gets locked."""
    if failed.incident_id is not None:
        # Not what a reference to it locks, or whoever adds an alert could wait for us in a ring.
        lock = {"of": Incident, "key_share": True}
        session.get(Incident, failed.incident_id, with_for_update=lock)
        return (Alert.incident_id == failed.incident_id,)
    session.get(Link, failed.link_id, with_for_update={"of": Link, "key_share": True})
    return (Alert.incident_id.is_(None), Alert.link_id == failed.link_id)
