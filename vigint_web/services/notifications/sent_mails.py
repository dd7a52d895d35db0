"""Store every mail as it was sent, and show it to those with the permission."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, literal, or_, select
from sqlalchemy.orm import defer

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import BadToken, DatedTokens, Purpose
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.mail.messages import OutgoingMail
from vigint_web.models import (
    AccountMail,
    AccountMailState,
    Incident,
    Link,
    Mail,
    MailedNight,
    Notification,
    NotificationState,
)
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import PAGE, TOP, Cursor, Page, read_page
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import change, insert_into, transaction
from vigint_web.services.links.links import token_of
from vigint_web.services.links.rules import Opening, refusal
from vigint_web.services.notifications.token_masking import (
    masked,
    masked_all,
    numbers_in,
    placeholder,
    unmasked,
    unmasked_all,
)

# Counted no further: the cost of a page must not grow with the table.
MOST_COUNTED = 1000
# The time within which the opened page must request the frame with a mail's HTML.
_OPENING_SECONDS = 60
_LANGUAGE = re.compile(r'<html lang="([a-z-]+)"')


@dataclass(frozen=True)
class OpenedMail:
    """A mail as its recipient got it."""

    row: Mail
    content: bytes
    headers: dict[str, str]
    text: str
    html: str
    dated: datetime | None

    @property
    def locale(self) -> str:
        """Return the language in which the mail was written."""
        found = _LANGUAGE.search(self.html)
        return found[1] if found else "fr"

    @property
    def is_masked(self) -> bool:
        """Return whether the address of a link in the mail is hidden."""
        return placeholder(self.row.message_id) in self.text

    @property
    def link_is_gone(self) -> bool:
        """Return whether the mail had a link to a deleted video."""
        return self.is_masked and self.row.link is None and not self.row.is_about_account


def row_of(
    notification: Notification,
    message: OutgoingMail,
    link: Link | None,
    foreign_token: str | None = None,
    tokens: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the row of a mail about to be sent, without the token of its link.

    Args:
        link: the mail's link, if any.
        foreign_token: the token of another host's link, if the mail contains it.
        tokens: of a mail about several, with the numbers of their links.
    """
    token = token_of(link) if link is not None else foreign_token
    content = masked_all(message.as_bytes(), notification.message_id, tokens or {})
    return {
        "site_id": notification.site_id,
        "alert_id": notification.id,
        "link_id": link.id if link is not None else None,
        "recipient": notification.recipient,
        "subject": message.subject,
        "message_id": notification.message_id,
        "content": masked(content, notification.message_id, token),
    }


def account_row(
    message: OutgoingMail, recipient: str, message_id: str, token: str | None
) -> dict[str, Any]:
    """Return the row of a mail about an account, whose token cannot be restored.

    Args:
        token: of its link, if it has one.
    """
    return {
        "site_id": None,
        "alert_id": None,
        "link_id": None,
        "recipient": recipient,
        "subject": message.subject,
        "message_id": message_id,
        "content": masked(message.as_bytes(), message_id, token),
    }


def keep_mail(row: dict[str, Any]) -> None:
    """Record an accepted mail, in the transaction that settles it; only once."""
    with transaction() as session:
        # Perhaps purged meanwhile, which must not undo the settling.
        link_id = session.scalar(
            select(Link.id).where(Link.id == row["link_id"]).with_for_update(key_share=True)
        )
        session.execute(
            insert_into(session, Mail)
            .values(**{**row, "link_id": link_id})
            .on_conflict_do_nothing(index_elements=[Mail.message_id])
        )


def list_mails(
    actor: Actor, search: str = "", cursor: Cursor = TOP, size: int = PAGE
) -> Page[Mail]:
    """Return a page of mails, newest first, without their contents.

    Args:
        search: part of a recipient's address or of a subject.
    """
    query = select(Mail).where(actor.scope(Mail.site_id)).options(defer(Mail.content))
    if search:
        query = query.where(
            or_(
                Mail.recipient.icontains(search, autoescape=True),
                Mail.subject.icontains(search, autoescape=True),
            )
        )
    return read_page(query, Mail.id, cursor, size)


def undelivered_account_mails(limit: int = 50) -> list[AccountMail]:
    """Return failing or failed mails about accounts, the newest first."""
    tried = and_(AccountMail.state == AccountMailState.PENDING, AccountMail.error.is_not(None))
    failed = AccountMail.state == AccountMailState.FAILED
    found = select(AccountMail).where(or_(failed, tried)).order_by(AccountMail.id.desc())
    return list(db.session.scalars(found.limit(limit)))


def undelivered(actor: Actor, limit: int = 50) -> tuple[list[Notification], int]:
    """Return failing or failed deliveries, the newest first, and the number of further ones.

    Counted up to `MOST_COUNTED` + 1.
    """
    # In the statement's text: no database proves for a parameter that a partial index is enough.
    failed = Notification.state == literal(NotificationState.FAILED.value, literal_execute=True)
    failing = and_(Notification.state == NotificationState.PENDING, Notification.error.is_not(None))
    parts = [_of_sites(actor, met).limit(MOST_COUNTED + limit + 1) for met in (failed, failing)]
    ids = sorted((number for part in parts for number in db.session.scalars(part)), reverse=True)
    found = select(Notification).where(Notification.id.in_(ids[:limit]))
    rows = list(db.session.scalars(found.order_by(Notification.id.desc())))
    return rows, min(max(len(ids) - limit, 0), MOST_COUNTED + 1)


def _of_sites(actor: Actor, met: ColumnElement[bool]) -> Select[int]:
    """Query the ids of notifications that are not part of a mail about several, newest first."""
    query = select(Notification.id).where(met, Notification.told_by_id.is_(None))
    if actor.site_ids is not None:
        query = (
            query.outerjoin(Incident, Notification.incident_id == Incident.id)
            .outerjoin(Link, Notification.link_id == Link.id)
            .outerjoin(MailedNight, Notification.night_id == MailedNight.id)
            .where(
                func.coalesce(Incident.site_id, Link.site_id, MailedNight.site_id).in_(
                    actor.site_ids
                )
            )
        )
    return query.order_by(Notification.id.desc())


def open_mail(
    actor: Actor, mail_id: int, *, action: str = "outbox:opened", ticket: str | None = None
) -> OpenedMail:
    """Return one mail for reading; audited, because it may contain a valid link.

    Args:
        ticket: of a page whose opening was just audited, of which this is a part.

    Raises:
        NotFound: there is no such mail for this actor.
    """
    row = db.session.get(Mail, mail_id, populate_existing=True)
    if row is None or not actor.sees(row.site_id):
        raise NotFound
    if ticket is None or not _is_of_opening(ticket, actor, mail_id):
        with transaction():
            trail.record(
                actor, action, f"mail:{mail_id}", site_id=row.site_id, recipient=row.recipient
            )
    return _opened(row)


def opening_ticket(actor: Actor, mail_id: int) -> str:
    """Return the ticket with which the frame of an opened page counts as a part of that opening."""
    return _tickets().mint([actor.user_id, mail_id])


def opens_still(link: Link) -> bool:
    """Return whether a mail's link is valid now."""
    used_up = link.max_views is not None and link.views >= link.max_views
    return not used_up and refusal(link, Opening.PAGE, utcnow()) is None


def mails_of(actor: Actor, alert_ids: Iterable[int]) -> dict[int, int]:
    """Return the number of the newest mail of each notification, by the notifications' ids."""
    newest = (
        select(Mail.alert_id, func.max(Mail.id))
        .where(Mail.alert_id.in_(list(alert_ids)), actor.scope(Mail.site_id))
        .group_by(Mail.alert_id)
    )
    rows = db.session.execute(newest).all()
    return {alert_id: mail_id for alert_id, mail_id in rows if alert_id is not None}


def incident_of(mail: Mail) -> Incident | None:
    """Return the incident of a mail."""
    notification = (
        db.session.get(Notification, mail.alert_id) if mail.alert_id is not None else None
    )
    return notification.incident if notification is not None else None


def count_mails_before(limit: datetime) -> int:
    """Return how many mails were sent before a date."""
    return db.session.scalar(select(func.count(Mail.id)).where(Mail.sent_at < limit)) or 0


def delete_mails_before(limit: datetime) -> int:
    """Delete mails sent before a date, in the caller's transaction; return their number."""
    with transaction() as session:
        return change(session, delete(Mail).where(Mail.sent_at < limit))


def _tickets() -> DatedTokens:
    return DatedTokens(Purpose.OPENED_MAIL, *config().key_ring)


def _is_of_opening(ticket: str, actor: Actor, mail_id: int) -> bool:
    try:
        named = _tickets().read(ticket, _OPENING_SECONDS)
    except BadToken:
        return False
    return bool(named == [actor.user_id, mail_id])


def _opened(row: Mail) -> OpenedMail:
    # An invalid link's token is useless now, but the link may be extended later.
    lives = row.link is not None and opens_still(row.link)
    token = token_of(row.link) if row.link is not None and lives else None
    content = unmasked(row.content, row.message_id, token)
    numbers = numbers_in(content, row.message_id)
    if numbers:
        links = db.session.scalars(select(Link).where(Link.id.in_(numbers)))
        living = {token_of(link): link.id for link in links if opens_still(link)}
        content = unmasked_all(content, row.message_id, living)
    message = BytesParser(policy=policy.default).parsebytes(content)
    shown = ("From", "To", "Date", "Subject", "Message-ID")
    return OpenedMail(
        row=row,
        content=content,
        dated=_date_of(message),
        headers={name: str(message[name] or "") for name in shown},
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _date_of(message: EmailMessage) -> datetime | None:
    """Return the time of a mail's Date header, None if there is none."""
    found = getattr(message["Date"], "datetime", None)
    return found if isinstance(found, datetime) and found.tzinfo is not None else None


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
