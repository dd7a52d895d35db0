"""Recognise browsers that have logged in before (OWASP device cookies).

The cookie opens nothing. It only says that failures of others are not this browser's.
"""

import hashlib
import secrets

from flask import Response, request
from itsdangerous import BadData, URLSafeTimedSerializer

from vigint_web.http.base.session_cookies import host_cookie
from vigint_web.services.accounts.users import normalise_email
from vigint_web.services.core.runtime import config

# Under https read by this name, too, where a browser has had it from before.
_NAME = "vigint_device"
_SECONDS = 365 * 24 * 3_600


def device_of(email: str) -> str | None:
    """Return the identity of this browser if it has logged in to that account before."""
    named = _read()
    return named[1] if named is not None and named[0] == _account(email) else None


def is_known_device() -> bool:
    """Return whether anybody has ever logged in from this browser."""
    return _read() is not None


def remember_device(response: Response, email: str) -> None:
    """Let this browser be recognised when this account logs in again."""
    value = _serializer().dumps([_account(email), device_of(email) or secrets.token_hex(16)])
    https = config().is_https
    response.set_cookie(
        host_cookie(_NAME, https=https),
        value if isinstance(value, str) else value.decode("ascii"),
        max_age=_SECONDS,
        path="/" if https else "/login",  # `__Host-` is for all paths
        secure=https,
        httponly=True,
        samesite="Lax",
    )


def _read() -> tuple[str, str] | None:
    name = host_cookie(_NAME, https=config().is_https)
    given = request.cookies.get(name) or request.cookies.get(_NAME, "")
    try:
        account, device = _serializer().loads(given, max_age=_SECONDS)
    except (BadData, ValueError, TypeError):
        return None
    return str(account), str(device)


def _serializer() -> URLSafeTimedSerializer:
    here = config()
    return URLSafeTimedSerializer(
        [*here.old_secret_keys[::-1], here.secret_key],
        salt="vigint.device.v1",
        signer_kwargs={"digest_method": hashlib.sha256},
    )


def _account(email: str) -> str:
    return hashlib.sha256(normalise_email(email).encode("utf-8", "replace")).hexdigest()[:32]
