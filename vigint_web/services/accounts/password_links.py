"""Sign and parse links that set a password; their validity is in the mail's row."""

from sqlalchemy import ColumnElement, select

from vigint_web.clock import utcnow
from vigint_web.crypto.tokens import BadToken, Purpose, Tokens
from vigint_web.errors import LinkRefused, NotFound
from vigint_web.extensions import db
from vigint_web.models import AccountMail, AccountMailPurpose
from vigint_web.services.core import addresses
from vigint_web.services.core.runtime import config

_PURPOSES = {
    AccountMailPurpose.INVITATION: Purpose.INVITATION,
    AccountMailPurpose.PASSWORD_RESET: Purpose.PASSWORD_RESET,
}


def carries_link() -> ColumnElement[bool]:
    """Return the condition that a mail's purpose has a link."""
    return AccountMail.purpose.in_(list(_PURPOSES))


def address_of(mail: AccountMail) -> str:
    """Return the address that sets its recipient's password."""
    return addresses.password_page(_tokens(mail.purpose).mint(mail.handle))


def open_token(token: str) -> AccountMail:
    """Return the mail of a link, if the link is still valid.

    Raises:
        NotFound: forged, in another spelling, or deleted long ago.
        LinkRefused: used, replaced by a newer one, or expired.
    """
    row = _row_of(token)
    if row is None or row.user is None or not row.user.active:
        raise NotFound
    if row.closed_at is not None:
        raise LinkRefused("account_link_used")
    if row.expires_at <= utcnow():
        raise LinkRefused("account_link_expired")
    return row


def _row_of(token: str) -> AccountMail | None:
    for purpose in _PURPOSES:
        try:
            handle = _tokens(purpose).read(token)
        except BadToken:
            continue
        row: AccountMail | None = db.session.scalar(
            select(AccountMail).where(
                AccountMail.handle == str(handle), AccountMail.purpose == purpose
            )
        )
        return row
    return None


def _tokens(purpose: AccountMailPurpose) -> Tokens:
    return Tokens(_PURPOSES[purpose], *config().key_ring)
