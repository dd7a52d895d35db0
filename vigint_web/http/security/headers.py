"""Set the headers that protect pages and all content behind tokens."""

from flask import Flask, Response, request
from werkzeug.datastructures import Headers

from vigint_web.http.base.static import STATIC_PATHS

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " media-src 'self'; connect-src 'self'; font-src 'self'; form-action 'self';"
    " frame-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_BY_TOKEN = ("/video/", "/stream/", "/api/video/")


def protect(app: Flask, protection: "Protection") -> None:
    """Add the headers to every response."""

    @app.after_request
    def add(response: Response) -> Response:
        protection.add(response.headers, request.path)
        return response


class Protection:
    """The headers of every answer."""

    def __init__(self, *, https: bool, subdomains: bool) -> None:
        """Take the settings.

        Args:
            subdomains: whether HSTS includes the subdomains of this host.
        """
        self._https = https
        self._lasting = "max-age=31536000" + ("; includeSubDomains" if subdomains else "")

    def add(self, headers: Headers, path: str) -> None:
        """Add the headers of an answer to a request for a path."""
        headers.setdefault("Content-Security-Policy", CSP)
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("X-Frame-Options", "DENY")
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        by_token = path.startswith(_BY_TOKEN)
        # no-referrer would break the CSRF check of forms over https.
        headers["Referrer-Policy"] = "no-referrer" if by_token else "same-origin"
        if by_token:
            headers["X-Robots-Tag"] = "noindex, nofollow"
        if not path.startswith(STATIC_PATHS):
            headers.setdefault("Cache-Control", "private, no-store")
        if self._https:
            # Over plain http browsers ignore it, and log a warning on every page.
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Strict-Transport-Security"] = self._lasting
