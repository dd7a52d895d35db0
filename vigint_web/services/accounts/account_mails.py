"""Enqueue mails about accounts: invitations, password resets, notices."""

from datetime import timedelta

from sqlalchemy import delete, select, update

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import new_handle
from vigint_web.extensions import db
from vigint_web.models import AccountMail, AccountMailPurpose, User
from vigint_web.services.accounts.password_links import carries_link
from vigint_web.services.core import job_queue
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import (
    after_commit,
    change,
    transaction,
)

LIFETIMES = {
    AccountMailPurpose.INVITATION: timedelta(days=7),
    AccountMailPurpose.PASSWORD_RESET: timedelta(hours=1),
    AccountMailPurpose.PASSWORD_CHANGED: timedelta(days=1),
    AccountMailPurpose.TWO_FACTOR_RESET: timedelta(days=1),
}
_KEPT = timedelta(days=30)


def queue_mail(
    recipient: str, purpose: AccountMailPurpose, locale: str, user_id: int | None = None
) -> AccountMail:
    """Store a pending mail, and enqueue it after the commit.

    Args:
        user_id: the account; None: the job looks it up, and drops the mail if there is none.
    """
    now = utcnow()
    with transaction() as session:
        row = AccountMail(
            user_id=user_id,
            recipient=recipient,
            purpose=purpose,
            locale=locale,
            handle=new_handle(),
            created_at=now,
            expires_at=now + LIFETIMES[purpose],
        )
        session.add(row)
        session.flush()
        mail_id = row.id
        after_commit(lambda: job_queue.enqueue_account_mail(mail_id, 0))
    return row


def notify(user: User, purpose: AccountMailPurpose) -> None:
    """Store a notice to a person about their account, in the caller's transaction."""
    queue_mail(user.email, purpose, user.locale or config().default_locale, user.id)


def ask_for_reset(email: str, locale: str) -> None:
    """Store a mail with a link for a new password to this address.

    Nothing here depends on whether there is such an account: neither the answer nor its time.
    """
    with transaction():
        queue_mail(email[:254], AccountMailPurpose.PASSWORD_RESET, locale)


def close_links(user_id: int) -> None:
    """Invalidate all mailed links of a person, in the caller's transaction."""
    with transaction() as session:
        change(
            session,
            update(AccountMail)
            .where(AccountMail.user_id == user_id, AccountMail.closed_at.is_(None))
            .values(closed_at=utcnow()),
        )


def newest_mail(user_id: int) -> AccountMail | None:
    """Return the last mail with a link to a person."""
    return db.session.scalar(
        select(AccountMail)
        .where(AccountMail.user_id == user_id, carries_link())
        .order_by(AccountMail.id.desc())
        .limit(1)
    )


def forget_old_mails() -> None:
    """Delete mails that were settled long ago."""
    with transaction() as session:
        session.execute(
            delete(AccountMail)
            .where(AccountMail.created_at < utcnow() - _KEPT)
            .execution_options(synchronize_session=False)
        )
