"""Views of the outbox: the mails as they were sent."""

from flask import Blueprint, Response, render_template, request

from vigint_web.clock import utcnow
from vigint_web.http.bytes import attachment
from vigint_web.http.identity import actor
from vigint_web.http.live import live_page
from vigint_web.http.paging import place, search_text
from vigint_web.services import outbox
from vigint_web.services.runtime import config

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.get("/")
def index() -> str:
    """List the mails, newest first."""
    return render_template("outbox/index.html", **_listed())


@blueprint.get("/live")
def live() -> Response:
    """Return the part of the list that changes."""
    return live_page(lambda: render_template("outbox/_live.html", **_listed()))


@blueprint.get("/<int(max=2147483647):mail_id>/")
def show(mail_id: int) -> str:
    """Show one mail as text, with its HTML in a frame; audited, for it may hold a live link."""
    reader = actor()
    opened = outbox.open_mail(reader, mail_id)
    link = opened.row.link
    return render_template(
        "outbox/show.html",
        mail=opened,
        ticket=outbox.opening_ticket(reader, mail_id),
        incident=outbox.incident_of(opened.row),
        opens=link is not None and outbox.opens_still(link),
        now=utcnow(),
    )


@blueprint.get("/<int(max=2147483647):mail_id>/html")
def html(mail_id: int) -> Response:
    """Show a mail's HTML part, unable to run or load anything; part of an opening, or one."""
    opened = outbox.open_mail(actor(), mail_id, ticket=request.args.get("opening"))
    # A click would count as the recipient's: in here links lead to windows that may not open.
    shown = opened.html.replace("<head>", '<head><base target="_blank">', 1)
    response = Response(shown, content_type="text/html; charset=utf-8")
    # Mails style themselves inline; that and nothing else is allowed, in this frame only.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
    )
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@blueprint.get("/<int(max=2147483647):mail_id>/eml")
def download(mail_id: int) -> Response:
    """Give a mail as a file that mail programs open."""
    opened = outbox.open_mail(actor(), mail_id, action="outbox:downloaded")
    response = Response(opened.content, content_type="message/rfc822")
    response.headers["Content-Disposition"] = attachment(f"vigint-{mail_id}.eml")
    return response


def _listed() -> dict[str, object]:
    search, here = search_text(), place()
    return {
        "page": outbox.list_mails(actor(), search, here),
        "here": here,
        "kept": {"q": search} if search else {},
        "sends": config().email.server is not None,
        "now": utcnow(),
    }
