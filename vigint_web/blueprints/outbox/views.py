"""Views of the outbox: the mails as they were sent."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.clock import utcnow
from vigint_web.http.bytes import attachment
from vigint_web.http.identity import actor
from vigint_web.http.live import live_page
from vigint_web.http.mail_frames import mail_frame
from vigint_web.http.paging import place, search_text
from vigint_web.services import alerts, outbox
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
    return mail_frame(opened.html)


@blueprint.get("/<int(max=2147483647):mail_id>/eml")
def download(mail_id: int) -> Response:
    """Give a mail as a file that mail programs open."""
    opened = outbox.open_mail(actor(), mail_id, action="outbox:downloaded")
    response = Response(opened.content, content_type="message/rfc822")
    response.headers["Content-Disposition"] = attachment(f"vigint-{mail_id}.eml")
    return response


@blueprint.post("/undelivered/<int(max=2147483647):alert_id>/retry")
def retry(alert_id: int) -> Response:
    """Send what was given up again."""
    alerts.retry_delivery(actor(), alert_id)
    flash(_("It will be sent again."), "success")
    return redirect(url_for("outbox.index"))


def _listed() -> dict[str, object]:
    search, here = search_text(), place()
    waiting, more = outbox.undelivered(actor()) if here.is_top and not search else ([], 0)
    return {
        "undelivered": waiting,
        "more_undelivered": more,
        "page": outbox.list_mails(actor(), search, here),
        "here": here,
        "kept": {"q": search} if search else {},
        "sends": config().email.server is not None,
        "now": utcnow(),
    }
