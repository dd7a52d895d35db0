"""Set the headers that protect pages and all content behind tokens."""

from flask import Flask, Response, request

from vigint_web.http.base.static import STATIC_PATHS

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " media-src 'self'; connect-src 'self'; font-src 'self'; form-action 'self';"
    " frame-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_BY_TOKEN = ("/video/", "/stream/", "/api/video/")


def protect(app: Flask, *, https: bool, subdomains: bool) -> None:
    """Add the headers to every response.

    Args:
        subdomains: whether HSTS includes the subdomains of this host.
    """
    lasting = "max-age=31536000" + ("; includeSubDomains" if subdomains else "")

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CSP)
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("X-Frame-Options", "DENY")
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        by_token = request.path.startswith(_BY_TOKEN)
        # no-referrer would break the CSRF check of forms over https.
        headers["Referrer-Policy"] = "no-referrer" if by_token else "same-origin"
        if by_token:
            headers["X-Robots-Tag"] = "noindex, nofollow"
        if not request.path.startswith(STATIC_PATHS):
            headers.setdefault("Cache-Control", "private, no-store")
        if https:
            # Over plain http browsers ignore it, and log a warning on every page.
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Strict-Transport-Security"] = lasting
        return response
