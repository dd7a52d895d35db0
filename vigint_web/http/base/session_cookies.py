"""Keep sessions in a cookie that no other host can set.

Under https the cookie's name begins with `__Host-`: browsers accept such a cookie from this host
only, over TLS and for all paths (RFC 6265bis, 4.1.3.2), so no other host of the same domain can set
one. A cookie of the earlier name is read until it expires, after 12 hours, and written under the
new name. The new one has a salt of its own: a session begun under the new name cannot be injected
under the old one.
"""

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadSignature

SESSION = "vigint_session"


def host_cookie(name: str, *, https: bool) -> str:
    """Return the name of a cookie that only this host can set, where browsers support it."""
    return f"__Host-{name}" if https else name


class SessionCookies(SecureCookieSessionInterface):
    """Read and write the session's cookie, under https by its prefixed name."""

    def __init__(self, *, https: bool) -> None:
        self._https = https
        if https:
            self.salt = "cookie-session-of-host"

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of the prefixed cookie, else that of the earlier name."""
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
        session.modified = True  # the answer then sets it under the new name
        return session
