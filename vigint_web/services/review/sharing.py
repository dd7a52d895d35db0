"""Share an incident's video by a program, with the recipients that programs may mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Link, Video
from vigint_web.services.alerting.recipients import DOMAIN_NOT_ALLOWED, read_recipients
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import config
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.links.sharing import Terms, not_an_address, share_video
from vigint_web.services.review.named_requests import Named, do_once, find_repeated


@dataclass(frozen=True)
class Wanted:
    """What a program asks for when it shares.

    Args:
        expires_at: None: the configured time, or the end of the footage if that is earlier.
        domains: the only allowed ones of recipients; empty: all.
        sender: the sender's address for SMTP; None: mails go to the outbox.
    """

    recipients: Sequence[str]
    expires_at: datetime | None = None
    message: str = ""
    reason: str = ""
    domains: Sequence[str] = ()
    sender: str | None = None


def share_incident(
    actor: Actor, reference: str, wanted: Wanted, *, named: Named | None = None
) -> list[Link]:
    """Create a link for each recipient of an incident's video and mail it.

    Args:
        named: a key's name for the request; a repetition returns the same links.

    Raises:
        NotFound: the actor sees no such incident.
        Invalid: there is no video, or every mistake at once.
        IdempotencyConflict: another request had this name.
    """
    incident = get_incident(actor, reference)
    made: list[Link] = []
    if find_repeated(actor, named) is None:
        video = incident.video
        if video is None:
            raise Invalid([Mistake(MistakeCode.VIDEO_FAILED)])
        recipients = _allowed(wanted)

        def act(_session: Session) -> None:
            for link in share_video(actor, video.public_id, recipients, _terms(wanted, video)):
                link.last_request = named.name if named is not None else None
                made.append(link)

        do_once(actor, named, act)
    return made or _links_of(actor, incident.video_id, named)


def _allowed(wanted: Wanted) -> list[str]:
    """Return the addresses; raises Invalid with every one that a program may not mail."""
    found = read_recipients(list(wanted.recipients), wanted.domains, wanted.sender)
    mistakes = [
        Mistake(MistakeCode.DOMAIN_NOT_ALLOWED, "recipients", {"address": one.recipient[:100]})
        if one.code == DOMAIN_NOT_ALLOWED
        else not_an_address(one.recipient)
        for one in found.refused
    ]
    if mistakes:
        raise Invalid(mistakes)
    return list(found.mailed)


def _terms(wanted: Wanted, video: Video) -> Terms:
    expires_at = wanted.expires_at
    if expires_at is None:
        usual = utcnow() + timedelta(hours=config().link_hours)
        expires_at = min(usual, video.purge_at) if video.purge_at is not None else usual
    return Terms(expires_at=expires_at, note=wanted.message.strip(), reason=wanted.reason)


def _links_of(actor: Actor, video_id: int | None, named: Named | None) -> list[Link]:
    """Return the links that an earlier request of this name made."""
    if named is None:
        return []
    query = select(Link).where(
        Link.video_id == video_id,
        Link.api_key_id == actor.api_key_id,
        Link.last_request == named.name,
    )
    return list(db.session.scalars(query.order_by(Link.id)))
