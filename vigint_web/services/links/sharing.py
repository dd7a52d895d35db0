"""Share videos: a link for each recipient, mailed; change, resend and revoke links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from vigint_web.clock import utcnow
from vigint_web.config.values import is_mailbox
from vigint_web.errors import Conflict, Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.models import Audience, Link, NotificationKind, Site, Video, VideoStatus
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import change, read_again, transaction
from vigint_web.services.dispatch.enqueue import queue_mail
from vigint_web.services.links.links import get_link, mint_link, private_url, revoke_link
from vigint_web.services.videos.stored_files import find_visible_video

MOST_RECIPIENTS = 20
MOST_AT_ONCE = 1000
# The number of recent links searched for addresses that a form suggests.
_LATEST_LINKS = 2000
_MOST_KNOWN = 100
LONGEST_REASON = 500


@dataclass(frozen=True)
class Terms:
    """The permissions of a shared link."""

    expires_at: datetime
    not_before: datetime | None = None
    max_views: int | None = None
    full_access: bool = False
    note: str = ""
    # Why it is shared; the recipient never sees it.
    reason: str = ""


def share_video(
    actor: Actor, public_id: str, recipients: Sequence[str], terms: Terms
) -> list[Link]:
    """Create a link for each recipient and mail it; duplicates of an address count once.

    Raises:
        NotFound: no such video for this actor.
        Invalid: all errors at once.
    """
    video = find_visible_video(actor, public_id)
    wanted = list(dict.fromkeys(address.strip() for address in recipients if address.strip()))
    mistakes = _mistakes(wanted, terms, video)
    if mistakes:
        raise Invalid(mistakes)
    with transaction():
        links = [
            mint_link(
                actor,
                video,
                Audience.PERSON,
                recipient=address,
                until=terms.expires_at,
                not_before=terms.not_before,
                max_views=terms.max_views,
                full_access=terms.full_access,
                note=terms.note,
                reason=terms.reason.strip(),
            )
            for address in wanted
        ]
        for link in links:
            queue_mail(link.id, NotificationKind.SHARED, link.recipient or "")
    return links


def known_addresses(actor: Actor) -> list[str]:
    """Return the recipients of links of the actor's sites, the latest first."""
    latest = (
        select(Link.recipient)
        .where(
            actor.scope(Link.site_id),
            Link.audience == Audience.PERSON,
            Link.recipient.is_not(None),
        )
        .order_by(Link.id.desc())
        .limit(_LATEST_LINKS)
    )
    known = dict.fromkeys(address for address in db.session.scalars(latest) if address)
    return [address for address in known if is_mailbox(address)][:_MOST_KNOWN]


def _mistakes(recipients: Sequence[str], terms: Terms, video: Video) -> list[Mistake]:
    if video.status == VideoStatus.FAILED:
        return [Mistake(MistakeCode.VIDEO_FAILED)]
    now, mistakes = utcnow(), []
    if not recipients:
        mistakes.append(Mistake(MistakeCode.NO_RECIPIENT, "recipients"))
    if len(recipients) > MOST_RECIPIENTS:
        facts = {"most": MOST_RECIPIENTS}
        mistakes.append(Mistake(MistakeCode.TOO_MANY_RECIPIENTS, "recipients", facts))
    mistakes += [not_an_address(address) for address in recipients if not is_mailbox(address)]
    mistakes += expiry_mistakes(terms.expires_at, video, now)
    if terms.not_before is not None and terms.not_before >= terms.expires_at:
        mistakes.append(Mistake(MistakeCode.BEGINS_AFTER_END, "not_before"))
    return mistakes + reason_mistakes(terms.reason, video.site_id)


def not_an_address(text: str) -> Mistake:
    """A text is not a mail address."""
    return Mistake(MistakeCode.NOT_AN_ADDRESS, "recipients", {"address": text[:100]})


def expiry_mistakes(expires_at: datetime, video: Video, now: datetime) -> list[Mistake]:
    """Return the errors of an end: in the past, or later than the footage's."""
    if expires_at <= now:
        return [Mistake(MistakeCode.END_IS_OVER, "expires_at")]
    if video.purge_at is not None and expires_at > video.purge_at:
        return [Mistake(MistakeCode.END_AFTER_PURGE, "expires_at")]
    return []


def reason_mistakes(reason: str, site_id: int) -> list[Mistake]:
    """Return what is wrong with a reason: too long, or missing where the site requires one."""
    if len(reason.strip()) > LONGEST_REASON:
        return [Mistake(MistakeCode.TOO_LONG, "reason", {"most": LONGEST_REASON})]
    if not reason.strip() and needs_reason(site_id):
        return [Mistake(MistakeCode.SHARING_REASON_MISSING, "reason")]
    return []


def needs_reason(site_id: int) -> bool:
    """Return whether sharing a video of this site requires a reason."""
    site = db.session.get(Site, site_id)
    return site is not None and site.sharing_needs_reason


def change_expiry(actor: Actor, link_id: int, expires_at: datetime) -> Link:
    """Extend or shorten a link; an expired one becomes valid again, a revoked one never.

    Raises:
        Conflict: it is revoked, or a program's.
        Invalid: the end is in the past, or later than the footage's.
    """
    with transaction():
        return set_end(actor, get_link(actor, link_id), Audience.PERSON, expires_at)


def set_end(actor: Actor, link: Link, audience: Audience, expires_at: datetime | None) -> Link:
    """Set when a live link of this audience ends, None for never; in the caller's transaction.

    Raises:
        Conflict: it is revoked, or another audience's.
        Invalid: the end is over, or later than the footage is kept.
    """
    mistakes = expiry_mistakes(expires_at, link.video, utcnow()) if expires_at else []
    if mistakes:
        raise Invalid(mistakes)
    before = link.expires_at
    with transaction() as session:
        changed = change(
            session,
            update(Link)
            .where(Link.id == link.id, Link.revoked_at.is_(None), Link.audience == audience)
            .values(expires_at=expires_at),
        )
        if not changed:
            raise Conflict
        read_again(session, link)
        trail.record(
            actor,
            "link:expiry_changed",
            f"link:{link.id}",
            site_id=link.site_id,
            before=before.isoformat() if before else None,
            after=expires_at.isoformat() if expires_at else None,
        )
    return link


def send_again(actor: Actor, link_id: int, reason: str = "") -> Link:
    """Mail a link to its recipient once more.

    Args:
        reason: why it is shared, of a link without a reason.

    Raises:
        Conflict: it is no longer valid, or has no recipient.
        Invalid: the reason is too long, or missing where the site requires one.
    """
    with transaction():
        link = get_link(actor, link_id)
        over = link.expires_at is not None and link.expires_at <= utcnow()
        # A webhook has a name instead of a mailbox.
        if link.revoked_at is not None or over or not is_mailbox(link.recipient or ""):
            raise Conflict
        given = _give_reason(link, reason)
        queue_mail(link.id, NotificationKind.SHARED, link.recipient or "")
        trail.record(actor, "link:sent_again", f"link:{link_id}", site_id=link.site_id, **given)
    return link


def reveal_link(actor: Actor, link_id: int, reason: str = "") -> str:
    """Return a person's link for reading or copying; audited.

    Args:
        reason: why it is shared, of a link without a reason.

    Raises:
        Conflict: it is revoked, or a program's.
        Invalid: the reason is too long, or missing where the site requires one.
    """
    with transaction():
        link = get_link(actor, link_id)
        if link.revoked_at is not None or link.audience != Audience.PERSON:
            raise Conflict
        given = _give_reason(link, reason)
        trail.record(actor, "link:shown", f"link:{link_id}", site_id=link.site_id, **given)
    return private_url(link, link.video.public_id)


def _give_reason(link: Link, reason: str) -> dict[str, str]:
    """Store why a link is shared, once; return what the audit trail records of it.

    Raises:
        Invalid: the reason is too long, or missing where the site requires one.
    """
    if link.reason:
        return {}
    mistakes = reason_mistakes(reason, link.site_id)
    if mistakes:
        raise Invalid(mistakes)
    link.reason = reason.strip() or None
    return {"reason": link.reason} if link.reason else {}


@dataclass(frozen=True)
class Selection:
    """A selection of links: by these numbers, or all of an address, a video or a key."""

    link_ids: tuple[int, ...] = ()
    recipient: str = ""
    public_id: str = ""
    api_key_id: int | None = None

    def condition(self) -> ColumnElement[bool]:
        """Return the condition of the selected links."""
        if self.recipient:
            return Link.recipient == self.recipient
        if self.public_id:
            return Link.video.has(Video.public_id == self.public_id)
        if self.api_key_id is not None:
            return Link.api_key_id == self.api_key_id
        return Link.id.in_(self.link_ids[:MOST_AT_ONCE])


def find_open_links(actor: Actor, selection: Selection) -> list[Link]:
    """Return the selected links that are not revoked yet, newest first."""
    return list(
        db.session.scalars(
            select(Link)
            .where(actor.scope(Link.site_id), selection.condition(), Link.revoked_at.is_(None))
            .order_by(Link.id.desc())
            .limit(MOST_AT_ONCE)
        )
    )


def revoke_links(actor: Actor, selection: Selection, reason: str) -> int:
    """Revoke the selected links at once, all or none; return their number."""
    with transaction():
        found = find_open_links(actor, selection)
        for link in found:
            revoke_link(actor, link.id, reason)
    return len(found)
