"""Show the HTML of a mail in a frame without scripts, requests or navigation."""

from werkzeug.wrappers import Response


def mail_frame(html: str) -> Response:
    """Return a mail's HTML for a frame of our own pages."""
    # A click would count as the recipient's: links open in new windows, which the sandbox forbids.
    shown = html.replace("<head>", '<head><base target="_blank">', 1)
    response = Response(shown, content_type="text/html; charset=utf-8")
    # Mails style themselves inline; that and nothing else is allowed, in this frame only. The page
    # around it may look in, to give the frame the mail's height; nothing in it can look out.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self';"
        " sandbox allow-same-origin"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
