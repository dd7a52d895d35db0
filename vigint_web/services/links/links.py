"""Create, revoke and rotate links."""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import new_handle
from vigint_web.errors import Conflict, NotFound
from vigint_web.extensions import db
from vigint_web.models import Audience, Link, Video
from vigint_web.permissions import Permission
from vigint_web.services.audit import trail
from vigint_web.services.core import addresses
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import change, read_again, transaction


def mint_link(
    actor: Actor,
    video: Video,
    audience: Audience,
    *,
    recipient: str | None = None,
    hours: int | None = None,
    until: datetime | None = None,
    not_before: datetime | None = None,
    max_views: int | None = None,
    full_access: bool = False,
    note: str = "",
    reason: str = "",
) -> Link:
    """Add a link to a video. It never outlives the footage's own date of deletion.

    Args:
        hours: validity from now; with neither this nor `until` it does not expire.
        reason: why it is shared; the recipient never sees it.
    """
    # Whole seconds: the token contains them, and the row must give the same token for ever.
    now = utcnow().replace(microsecond=0)
    limits = [until] if until is not None else []
    if hours is not None:
        limits.append(now + timedelta(hours=hours))
    if audience == Audience.PERSON and video.purge_at is not None:
        limits.append(video.purge_at)
    with transaction() as session:
        link = Link(
            video_id=video.id,
            site_id=video.site_id,
            audience=audience,
            handle=new_handle(),
            minted_at=now,
            signing_key=runtime().tokens.newest,
            recipient=recipient,
            not_before=not_before,
            expires_at=min(limits) if limits else None,
            max_views=max_views,
            full_access=full_access,
            note=note,
            reason=reason or None,
            api_key_id=actor.api_key_id,
            created_by=actor.label,
            created_by_id=actor.user_id,
        )
        session.add(link)
        session.flush()
        trail.record(
            actor,
            "link:minted",
            f"link:{link.id}",
            site_id=link.site_id,
            video=video.public_id,
            audience=audience.value,
            recipient=recipient,
            **({"reason": reason} if reason else {}),
        )
    return link


def token_of(link: Link) -> str:
    """Return a link's token."""
    return runtime().tokens.mint(link.handle, link.minted_at, signing_key_of(link))


def signing_key_of(link: Link) -> str:
    """Return the id of the key that signs a link's token."""
    return link.signing_key or runtime().tokens.key_ids[-1]


def private_url(link: Link, public_id: str) -> str:
    """Return the address of the page of a person's link."""
    return addresses.video_page(public_id, token_of(link))


def get_link(actor: Actor, link_id: int) -> Link:
    """Return a link of the actor's sites; raises NotFound."""
    link = db.session.get(Link, link_id)
    if link is None or not actor.sees(link.site_id):
        raise NotFound
    return link


def links_of_video(video_id: int) -> list[Link]:
    """Return every link of a video, newest first."""
    return list(
        db.session.scalars(select(Link).where(Link.video_id == video_id).order_by(Link.id.desc()))
    )


def program_link(video_id: int) -> Link | None:
    """Return the newest program link of a video."""
    return db.session.scalar(
        select(Link)
        .where(Link.video_id == video_id, Link.audience == Audience.PROGRAM)
        .order_by(Link.id.desc())
        .limit(1)
    )


def revoke_link(actor: Actor, link_id: int, reason: str = "") -> Link:
    """Revoke a link at once; the next byte is refused. Repeated revocation is ignored."""
    with transaction() as session:
        link = get_link(actor, link_id)
        done = change(
            session,
            update(Link)
            .where(Link.id == link_id, Link.revoked_at.is_(None))
            .values(revoked_at=utcnow(), revoked_by=actor.label, revoked_reason=reason or None),
        )
        if done:
            trail.record(
                actor, "link:revoked", f"link:{link_id}", site_id=link.site_id, reason=reason
            )
        read_again(session, link)
    return link


def rotate_program_link(actor: Actor, link_id: int) -> Link:
    """Give a program link a new token; the old one becomes unknown.

    Raises:
        Conflict: the link is not a program's, or was revoked by a person whose permission the actor
        lacks.
    """
    with transaction() as session:
        link = get_link(actor, link_id)
        undoes = link.revoked_at is not None and not actor.may(Permission.REVOKE_LINKS)
        if link.audience != Audience.PROGRAM or undoes:
            raise Conflict
        link.handle = new_handle()
        link.minted_at = utcnow().replace(microsecond=0)
        link.signing_key = runtime().tokens.newest
        link.revoked_at = link.revoked_by = link.revoked_reason = None
        session.flush()
        trail.record(actor, "link:rotated", f"link:{link_id}", site_id=link.site_id)
    return link


def hours_left(expires_at: datetime, since: datetime) -> int:
    """Return a validity in whole hours, rounded to the nearest, at least one."""
    return max(1, round((expires_at - since).total_seconds() / 3600))
