"""Send pending mails about accounts, from jobs."""

import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.mail.account import AccountMailFacts, compose_account_mail
from vigint_web.mail.messages import MailRefused, MailUndelivered, OutgoingMail, send
from vigint_web.mail.smtp import Progress
from vigint_web.models import AccountMail, AccountMailPurpose, AccountMailState, User
from vigint_web.services.accounts.password_links import address_of
from vigint_web.services.audit import trail
from vigint_web.services.core import addresses
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.claimed_work import (
    GivenUp,
    Outcome,
    Postponed,
    Settled,
    Work,
    run_claimed,
)
from vigint_web.services.core.leases import LONGEST_PAUSE, Lease, find_due, pause_before
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import (
    change,
    release_connection,
    transaction,
)
from vigint_web.services.notifications import sent_mails
from vigint_web.system.processes import Shield

log = logging.getLogger(__name__)

# The maximum number of mails that a stranger's reset requests send to a mailbox.
_RESETS_PER_HOUR = 3


def deliver(mail_id: int) -> None:
    """Send one mail that is due; do nothing if another worker does already."""
    free = AccountMail.on_hold.is_(False)
    run_claimed(AccountMail, mail_id, AccountMailState.PENDING, free, _Delivery())


class _Delivery(Work[AccountMail]):
    """One attempt at a mail about an account."""

    def attempt(self, row: AccountMail, lease: Lease, shield: Shield) -> Outcome:
        """Send the mail, or drop it if it has no recipient."""
        user = _owner(row)
        if user is None:
            return _forgotten(row)
        if row.user_id is None:
            _name_owner(lease, user)
        facts = _facts_of(row)
        mail = compose_account_mail(facts, config())
        mail.progress = Progress(lambda: None, shield.hold)
        release_connection()
        try:
            channel = send(mail, config())
        except MailRefused as error:
            return _given_up(row, str(error))
        return _settle_sent(row, mail, facts, channel)

    def failed(self, row: AccountMail, lease: Lease, error: Exception) -> Outcome:
        """Try again for as long as the mail's link would live, whatever it was."""
        known = isinstance(error, MailUndelivered)
        if not known:
            log.exception("account mail %s could not be sent", lease.row_id)
        return _postponed(lease, row, str(error) if known else "")


def due_account_mails() -> list[tuple[int, int]]:
    """Return id and attempt of the mails that are due and not leased."""
    return find_due(AccountMail, AccountMail.state == AccountMailState.PENDING, LONGEST_PAUSE)


def _owner(row: AccountMail) -> User | None:
    """Return the user a mail may be sent to; None: there is none, or too many mails already."""
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
    """Store the account of a reset: its link may be opened before the server answers."""
    owned = update(AccountMail).where(lease.held()).values(user_id=user.id)
    with transaction() as session:
        lease.require(change(session, owned))


def _forgotten(row: AccountMail) -> Outcome:
    return Settled(
        within=lambda session: session.delete(row),
        afterwards=lambda: log.info("account mail %s has no recipient", row.id),
    )


def _facts_of(row: AccountMail) -> AccountMailFacts:
    linked = row.purpose in {AccountMailPurpose.INVITATION, AccountMailPurpose.PASSWORD_RESET}
    return AccountMailFacts(
        recipient=row.recipient,
        purpose=row.purpose,
        locale=row.locale,
        message_id=f"<account-{row.handle[:20]}@{addresses.public_host()}>",
        url=address_of(row) if linked else None,
        expires_at=row.expires_at,
        base_url=addresses.public(),
    )


def _postponed(lease: Lease, row: AccountMail, sentence: str) -> Outcome:
    if utcnow() > row.expires_at:
        return _given_up(row, sentence)
    return Postponed(
        utcnow() + pause_before(lease.attempt),
        columns={"error": sentence},
        afterwards=lambda: log.warning("account mail %s not delivered yet", row.id),
    )


def _given_up(row: AccountMail, sentence: str) -> Outcome:
    return GivenUp(
        sentence,
        columns={"state": AccountMailState.FAILED},
        within=lambda _session: _record(row, "account_mail:failed"),
        afterwards=lambda: log.info("account mail %s is failed", row.id),
    )


def _settle_sent(
    row: AccountMail, mail: OutgoingMail, facts: AccountMailFacts, channel: str
) -> Outcome:
    """Record that a mail was accepted, and store it as sent, without its token."""
    sent_at = utcnow()

    def within(_session: Session) -> None:
        token = _token_in(facts.url)
        kept = sent_mails.account_row(mail, row.recipient, facts.message_id, token)
        sent_mails.keep_mail({**kept, "channel": channel, "sent_at": sent_at})
        _record(row, "account_mail:sent")

    return Settled(
        columns={
            "state": AccountMailState.SENT,
            "sent_at": sent_at,
            "channel": channel,
            "error": None,
        },
        within=within,
        afterwards=lambda: log.info("account mail %s is sent", row.id),
    )


def _record(row: AccountMail, action: str) -> None:
    trail.record(SYSTEM, action, f"user:{row.user_id}", purpose=row.purpose)


def _token_in(url: str | None) -> str | None:
    return parse_qs(urlsplit(url).query)["token"][0] if url is not None else None
