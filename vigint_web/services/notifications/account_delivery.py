"""Send the mails about accounts that are owed, from jobs."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.mail.account import AccountLetter, compose_account_mail
from vigint_web.mail.messages import Letter, MailRefused, MailUndelivered, send
from vigint_web.mail.smtp import Progress
from vigint_web.models import AccountMail, AccountMailPurpose, AccountMailState, User
from vigint_web.services.accounts.password_links import address_of
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.leases import (
    LONGEST_PAUSE,
    Lease,
    claim,
    find_due,
    let_go,
    pause_before,
)
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import (
    change,
    release_connection,
    transaction,
)
from vigint_web.services.notifications import sent_mails
from vigint_web.system.processes import shielded

log = logging.getLogger(__name__)

# A stranger who asks for resets fills a mailbox with no more than this.
_RESETS_PER_HOUR = 3


def deliver(mail_id: int) -> None:
    """Send one mail that is due; do nothing if another worker does already."""
    waits = (AccountMail.state == AccountMailState.PENDING) & AccountMail.on_hold.is_(False)
    lease = claim(AccountMail, mail_id, waits)
    if lease is None:
        log.info("account mail %s is settled or in other hands", mail_id)
        return
    row = db.session.get_one(AccountMail, mail_id, populate_existing=True)
    with lease.kept(), shielded() as shield:
        try:
            user = _owner(row)
            if user is None:
                _forget(row)
                return
            if row.user_id is None:
                _name_owner(lease, user)
            facts = _letter(row)
            letter = compose_account_mail(facts, config())
            letter.progress = Progress(lambda: None, shield.hold)
            release_connection()
            channel = send(letter, config())
        except MailRefused as error:
            _settle(lease, row, state=AccountMailState.FAILED, error=str(error))
        except Exception as error:
            if not isinstance(error, MailUndelivered):
                log.exception("account mail %s could not be sent", mail_id)
            db.session.rollback()
            _postpone(lease, row, str(error) if isinstance(error, MailUndelivered) else "")
        else:
            _settle_sent(lease, row, letter, facts, channel)


def due_account_mails() -> list[tuple[int, int]]:
    """Return id and attempt of the mails that are due and not leased."""
    return find_due(AccountMail, AccountMail.state == AccountMailState.PENDING, LONGEST_PAUSE)


def _owner(row: AccountMail) -> User | None:
    """Return the person a mail may be sent to; None: there is none, or too many mails already."""
    user = row.user or db.session.scalar(select(User).where(User.email == row.recipient))
    if user is None or not user.active or row.closed_at is not None:
        return None
    if row.user is not None or row.purpose != AccountMailPurpose.PASSWORD_RESET:
        return user
    recent = db.session.scalar(
        select(func.count(AccountMail.id)).where(
            AccountMail.user_id == user.id,
            AccountMail.purpose == AccountMailPurpose.PASSWORD_RESET,
            AccountMail.created_at > utcnow() - timedelta(hours=1),
        )
    )
    return user if (recent or 0) < _RESETS_PER_HOUR else None


def _name_owner(lease: Lease, user: User) -> None:
    """Write whose account a reset is about: its link may be opened before the server answers."""
    owned = update(AccountMail).where(lease.held()).values(user_id=user.id)
    with transaction() as session:
        lease.require(change(session, owned))


def _forget(row: AccountMail) -> None:
    with transaction() as session:
        session.delete(row)
    log.info("account mail %s is owed to nobody", row.id)


def _letter(row: AccountMail) -> AccountLetter:
    linked = row.purpose in {AccountMailPurpose.INVITATION, AccountMailPurpose.PASSWORD_RESET}
    return AccountLetter(
        recipient=row.recipient,
        purpose=row.purpose,
        locale=row.locale,
        message_id=f"<account-{row.handle[:20]}@{urlsplit(config().base_url).hostname}>",
        url=address_of(row) if linked else None,
        expires_at=row.expires_at,
        base_url=config().base_url,
    )


def _postpone(lease: Lease, row: AccountMail, sentence: str) -> None:
    if utcnow() > row.expires_at:
        _settle(lease, row, state=AccountMailState.FAILED, error=sentence)
        return
    next_attempt_at = utcnow() + pause_before(lease.attempt)
    with transaction() as session:
        _let_go(session, lease, error=sentence, next_attempt_at=next_attempt_at)
    log.warning("account mail %s not delivered yet", row.id)


def _token_in(url: str | None) -> str | None:
    return parse_qs(urlsplit(url).query)["token"][0] if url is not None else None


def _settle_sent(
    lease: Lease, row: AccountMail, letter: Letter, facts: AccountLetter, channel: str
) -> None:
    """Write down that a mail was accepted, and keep it as it was sent, without its token."""
    sent_at = utcnow()
    kept = sent_mails.account_row(letter, row.recipient, facts.message_id, _token_in(facts.url))
    _settle(
        lease,
        row,
        kept={**kept, "channel": channel, "sent_at": sent_at},
        state=AccountMailState.SENT,
        sent_at=sent_at,
        channel=channel,
        error=None,
    )


def _settle(
    lease: Lease, row: AccountMail, *, kept: dict[str, Any] | None = None, **values: Any
) -> None:
    with transaction() as session:
        done = _let_go(session, lease, next_attempt_at=None, **values)
        if done:
            if kept is not None:
                sent_mails.keep_mail(kept)
            sent = values["state"] == AccountMailState.SENT
            trail.record(
                SYSTEM,
                "account_mail:sent" if sent else "account_mail:failed",
                f"user:{row.user_id}",
                purpose=row.purpose,
            )
    log.info("account mail %s is %s", row.id, values["state"])


def _let_go(session: Session, lease: Lease, **values: Any) -> int:
    return let_go(session, lease, AccountMail.state == AccountMailState.PENDING, **values)
