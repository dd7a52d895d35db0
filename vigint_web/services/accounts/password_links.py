"""Sign and read the links that set a password; what they may do is in the mail's row."""

import hashlib
import hmac

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import ColumnElement, select

from vigint_web.clock import utcnow
from vigint_web.errors import LinkRefused, NotFound
from vigint_web.extensions import db
from vigint_web.models import AccountMail, AccountMailPurpose
from vigint_web.services.core.runtime import config

# A salt per purpose: a token of one kind is none of the other.
_SALTS = {
    AccountMailPurpose.INVITATION: "vigint.invitation.v1",
    AccountMailPurpose.PASSWORD_RESET: "vigint.password-reset.v1",
}
_LONGEST = 200


def carries_link() -> ColumnElement[bool]:
    """Return the condition that a mail's purpose is one with a link."""
    return AccountMail.purpose.in_(list(_SALTS))


def address_of(mail: AccountMail) -> str:
    """Return the address that sets its recipient's password."""
    token = _serializer(mail.purpose).dumps(mail.handle)
    text = token if isinstance(token, str) else token.decode("ascii")
    return f"{config().base_url}/password/set?token={text}"


def open_token(token: str) -> AccountMail:
    """Return the mail whose link somebody holds, if the link is still good.

    Raises:
        NotFound: forged, in another spelling, or long forgotten.
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
    if not token.isascii() or len(token) > _LONGEST:
        return None
    for purpose in _SALTS:
        serializer = _serializer(purpose)
        try:
            handle = serializer.loads(token)
        except BadData:
            continue
        if not isinstance(handle, str) or not _is_canonical(purpose, handle, token):
            return None
        row: AccountMail | None = db.session.scalar(
            select(AccountMail).where(AccountMail.handle == handle, AccountMail.purpose == purpose)
        )
        return row
    return None


def _is_canonical(purpose: AccountMailPurpose, handle: str, token: str) -> bool:
    """Return whether a token is spelled as one of our keys spells it; others decode as well."""
    here = config()
    spelled = (
        _serializer(purpose, key).dumps(handle) for key in (here.secret_key, *here.old_secret_keys)
    )
    return any(hmac.compare_digest(str(one).encode(), token.encode()) for one in spelled)


def _serializer(purpose: AccountMailPurpose, *keys: str) -> URLSafeSerializer:
    here = config()
    return URLSafeSerializer(
        # itsdangerous signs with the last key and reads with all of them.
        keys or [*here.old_secret_keys[::-1], here.secret_key],
        salt=_SALTS[purpose],
        signer_kwargs={"digest_method": hashlib.sha256},
    )
