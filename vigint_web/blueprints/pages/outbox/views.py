"""Views of the outbox: the mails as they were sent."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.clock import utcnow
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.mail_frames import mail_frame
from vigint_web.http.pages.paging import cursor, search_text
from vigint_web.http.security.identity import actor, can
from vigint_web.http.streaming.ranged_response import attachment
from vigint_web.i18n.sentences import ACCOUNT_MAIL_WORDS
from vigint_web.permissions import Permission
from vigint_web.services.core.runtime import mails_leave
from vigint_web.services.dispatch import on_hold
from vigint_web.services.notifications import delivery, sent_mails
from vigint_web.services.reports.link_subjects import subjects_of_mails

blueprint = Blueprint("outbox", __name__, url_prefix="/outbox")


@blueprint.get("/")
def index() -> str:
    """List the mails, newest first."""
    return render_template("outbox/index.html", **_listed())


@blueprint.get("/live")
def live() -> Response:
    """Return the changing part of the list."""
    return live_page(lambda: render_template("outbox/_live.html", **_listed()))


@blueprint.get("/<int(max=2147483647):mail_id>/")
def show(mail_id: int) -> str:
    """Show one mail as text, with its HTML in a frame; audited, because it may contain a
    live link.
    """
    reader = actor()
    opened = sent_mails.open_mail(reader, mail_id)
    link = opened.row.link
    return render_template(
        "outbox/show.html",
        mail=opened,
        ticket=sent_mails.opening_ticket(reader, mail_id),
        incident=sent_mails.incident_of(opened.row),
        opens=link is not None and sent_mails.opens_still(link),
        now=utcnow(),
    )


@blueprint.get("/<int(max=2147483647):mail_id>/html")
def html(mail_id: int) -> Response:
    """Show a mail's HTML part, without scripts or requests; audited as part of an opening."""
    opened = sent_mails.open_mail(actor(), mail_id, ticket=request.args.get("opening"))
    return mail_frame(opened.html)


@blueprint.get("/<int(max=2147483647):mail_id>/eml")
def download(mail_id: int) -> Response:
    """Return a mail as a file that mail programs open."""
    opened = sent_mails.open_mail(actor(), mail_id, action="outbox:downloaded")
    response = Response(opened.content, content_type="message/rfc822")
    response.headers["Content-Disposition"] = attachment(f"vigint-{mail_id}.eml")
    return response


@blueprint.post("/undelivered/<int(max=2147483647):alert_id>/retry")
def retry(alert_id: int) -> Response:
    """Send a failed mail or call again."""
    delivery.retry_delivery(actor(), alert_id)
    flash(_("It will be sent again."), "success")
    return redirect(url_for("outbox.index"))


@blueprint.post("/on-hold/send")
def send_held() -> Response:
    """Send the notifications on hold after a restore."""
    on_hold.send(actor())
    flash(_("The messages on hold are being sent."), "success")
    return redirect(url_for("outbox.index"))


@blueprint.post("/on-hold/drop")
def drop_held() -> Response:
    """Discard the notifications on hold after a restore."""
    on_hold.drop(actor())
    flash(_("The messages on hold will not be sent."), "success")
    return redirect(url_for("outbox.index"))


def _listed() -> dict[str, object]:
    search, here = search_text(), cursor()
    first = here.is_top and not search
    waiting, more = sent_mails.undelivered(actor()) if first else ([], 0)
    page = sent_mails.list_mails(actor(), search, here)
    return {
        "undelivered": waiting,
        "account_mail_words": ACCOUNT_MAIL_WORDS,
        "undelivered_account": sent_mails.undelivered_account_mails() if first else [],
        "more_undelivered": more,
        "most": sent_mails.MOST_COUNTED,
        "page": page,
        "subjects": subjects_of_mails(page.rows),
        "here": here,
        "kept": {"q": search} if search else {},
        "sends": mails_leave(),
        "now": utcnow(),
        "on_hold": on_hold.find_on_hold(actor()) if can(Permission.RELEASE_MAILS) else None,
    }
