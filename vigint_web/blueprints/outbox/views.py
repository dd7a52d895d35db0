"""Views of the outbox."""

from flask import Blueprint, Response, render_template

from vigint_web.http.identity import actor
from vigint_web.services import outbox

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.get("/")
def index() -> str:
    """List the mails, newest first."""
    return render_template("outbox/index.html", mails=outbox.list_mails())


@blueprint.get("/<name>/")
def show(name: str) -> str:
    """Show one mail as text, with its HTML in a frame; audited, for it holds a live link."""
    return render_template("outbox/show.html", mail=outbox.open_mail(actor(), name))


@blueprint.get("/<name>/html")
def html(name: str) -> Response:
    """Show a mail's HTML part, unable to run or load anything."""
    response = Response(outbox.read_mail(name).html, content_type="text/html; charset=utf-8")
    # Mails style themselves inline; that and nothing else is allowed, in this frame only.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response
