"""Keep sessions in a cookie that no other host can set.

Under https the cookie's name begins with `__Host-`: browsers take such a cookie from this host
alone, over TLS and for all paths (RFC 6265bis, 4.1.3.2), so no neighbour below the same domain can
plant one. A cookie of the earlier name is read until it expires, after 12 hours, and written anew.
It has a salt of its own: what was begun under the new name cannot be planted under the old one.
"""

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

SESSION = "vigint_session"


def host_cookie(name: str, *, https: bool) -> str:
    """Return the name of a cookie that this host alone may set, where browsers know of such."""
    return f"__Host-{name}" if https else name


class SessionCookies(SecureCookieSessionInterface):
    """Read and write the session's cookie, under https by its prefixed name."""

    def __init__(self, *, https: bool) -> None:
        self._https = https
        if https:
            self.salt = "cookie-session-of-host"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of the prefixed cookie, else the one of the earlier name."""
        found = super().open_session(app, request)
        if not self._https or self.get_cookie_name(app) in request.cookies:
            return found
        return self._earlier(app, request) or found

    def _earlier(self, app: Flask, request: Request) -> SecureCookieSession | None:
        serializer = SecureCookieSessionInterface().get_signing_serializer(app)
        given = request.cookies.get(SESSION)
        if serializer is None or not given:
            return None
        try:
            longest = int(app.permanent_session_lifetime.total_seconds())
            data = serializer.loads(given, max_age=longest)
        except BadSignature:
            return None
        session = self.session_class(data)
        session.modified = True  # so that the answer carries it under the new name
        return session
