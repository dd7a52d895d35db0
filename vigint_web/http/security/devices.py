"""Recognize browsers that have logged in before (OWASP device cookies).

The cookie gives no access. It only separates this browser's failed logins from those of others.
"""

from flask import Response, request

from vigint_web.crypto.tokens import BadToken, DatedTokens, Purpose, digest, new_handle
from vigint_web.http.base.session_cookies import host_cookie
from vigint_web.services.accounts.users import normalise_email
from vigint_web.services.core.runtime import config

# The earlier name, which is also read under https for existing cookies.
_NAME = "vigint_device"
_SECONDS = 365 * 24 * 3_600


def device_of(email: str) -> str | None:
    """Return the identity of this browser if it has logged in to that account before."""
    named = _read()
    return named[1] if named is not None and named[0] == _account(email) else None


def is_known_device() -> bool:
    """Return whether this browser has logged in to any account before."""
    return _read() is not None


def remember_device(response: Response, email: str) -> None:
    """Mark this browser as known for later logins to this account."""
    value = _tokens().mint([_account(email), device_of(email) or new_handle()])
    https = config().is_https
    response.set_cookie(
        host_cookie(_NAME, https=https),
        value,
        max_age=_SECONDS,
        path="/" if https else "/login",  # `__Host-` requires all paths
        secure=https,
        httponly=True,
        samesite="Lax",
    )


def _read() -> tuple[str, str] | None:
    name = host_cookie(_NAME, https=config().is_https)
    given = request.cookies.get(name) or request.cookies.get(_NAME, "")
    try:
        account, device = _tokens().read(given, _SECONDS)
    except (BadToken, ValueError, TypeError):
        return None
    return str(account), str(device)


def _tokens() -> DatedTokens:
    return DatedTokens(Purpose.DEVICE, *config().key_ring)


def _account(email: str) -> str:
    return digest(normalise_email(email))[:32]
