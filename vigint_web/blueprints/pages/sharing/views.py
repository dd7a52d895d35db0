"""Views of sharing. A link's address is shown in the answer to a POST, and stored nowhere."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import OTHER, PeriodForm, ReasonForm
from vigint_web.blueprints.pages.sharing.forms import ShareForm
from vigint_web.clock import utcnow
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.http.pages.paging import wanted_links
from vigint_web.http.pages.qr_codes import qr_code
from vigint_web.http.security.identity import actor
from vigint_web.i18n.refusals import error_sentence, mistake_sentence
from vigint_web.i18n.sentences import failure_sentence
from vigint_web.models import Video, VideoStatus
from vigint_web.services.core.runtime import mails_leave
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.links import links, sharing
from vigint_web.services.links.listing import revocable_links
from vigint_web.services.links.sharing import Selection, Terms
from vigint_web.services.reports.link_subjects import subjects_of
from vigint_web.services.sources.sources import find_source_of
from vigint_web.services.videos.stored_files import find_visible_video

blueprint = Blueprint("sharing", __name__)

_LINK = "/links/<int(max=2147483647):link_id>"


@blueprint.get("/videos/<public_id>/share")
def new(public_id: str) -> str | tuple[str, int]:
    """Show the form for sharing a video, or why it cannot be shared."""
    video = find_visible_video(actor(), public_id)
    if video.status == VideoStatus.FAILED:
        return _refused_page(video), 409
    return _form_page(public_id, ShareForm())


@blueprint.post("/videos/<public_id>/share")
def share(public_id: str) -> Response | tuple[str, int]:
    """Create a link for each recipient and mail it."""
    video = find_visible_video(actor(), public_id)
    if video.status == VideoStatus.FAILED:
        return _refused_page(video), 409
    form = ShareForm()
    if not form.validate_on_submit():
        return _form_page(public_id, form), 422
    pasted = form.pasted()
    if pasted.unread:
        # The user confirms the addresses found in pasted text before any mail is sent.
        if pasted.addresses:
            form.recipients.data, form.known.data = "\n".join(pasted.addresses), ""
        left = [_unread(rest, bool(pasted.addresses)) for rest in pasted.unread]
        return _form_page(public_id, form, left), 422
    terms = Terms(
        expires_at=form.expires_at(),
        not_before=form.starts_at(),
        max_views=form.max_views.data,
        full_access=form.download.data,
        note=(form.note.data or "").strip(),
        reason=form.reason.data or "",
    )
    try:
        made = sharing.share_video(actor(), public_id, pasted.addresses, terms)
    except Invalid as refused:
        at_reason = [one for one in refused.mistakes if one.field == "reason"]
        form.reason.errors = [mistake_sentence(one) for one in at_reason]
        elsewhere = [one for one in refused.mistakes if one not in at_reason]
        return _form_page(public_id, form, elsewhere), 422
    if mails_leave():
        message = ngettext(
            "%(num)d link is on its way.", "%(num)d links are on their way.", len(made)
        )
    else:
        message = ngettext(
            "%(num)d link created. No mail server is configured: hand it over yourself.",
            "%(num)d links created. No mail server is configured: hand them over yourself.",
            len(made),
        )
    flash(message, "success")
    if len(made) == 1:
        return redirect(url_for("links.show", link_id=made[0].id))
    return redirect(_home_of(public_id))


def _form_page(public_id: str, form: ShareForm, mistakes: Sequence[Mistake] = ()) -> str:
    video = find_visible_video(actor(), public_id)
    form.ask_why(sharing.needs_reason(video.site_id))
    return render_template(
        "sharing/new.html",
        form=form,
        video=video,
        incident=find_incident_of(video.id),
        source=find_source_of(video.id),
        back=_home_of(public_id),
        known=sharing.known_addresses(actor()),
        mistakes=[mistake_sentence(one) for one in mistakes],
        other=OTHER,
    )


def _unread(text: str, others: bool) -> Mistake:
    if others:
        return Mistake(MistakeCode.RECIPIENT_LEFT_OUT, "recipients", {"text": text})
    return sharing.not_an_address(text)


def _refused_page(video: Video) -> str:
    return render_template(
        "sharing/refused.html",
        sentence=mistake_sentence(Mistake(MistakeCode.VIDEO_FAILED)),
        reason=failure_sentence(video.error_code),
        back=_home_of(video.public_id),
    )


def _home_of(public_id: str) -> str:
    video = find_visible_video(actor(), public_id)
    source, incident = find_source_of(video.id), find_incident_of(video.id)
    if source is not None:
        return url_for("sources.show", source_id=source.source_id)
    if incident is not None:
        return url_for("incidents.show", reference=incident.reference)
    return url_for("dashboard.home")


@blueprint.post(f"{_LINK}/expiry")
def expiry(link_id: int) -> Response:
    """Extend or shorten a link."""
    form = PeriodForm()
    if form.validate_on_submit():
        try:
            sharing.change_expiry(actor(), link_id, form.expires_at())
            flash(_("The expiry of the link was changed."), "success")
        except Invalid as refused:
            flash(error_sentence(refused), "danger")
    else:
        flash(_("Enter the date and time until which the link works."), "danger")
    return redirect(url_for("links.show", link_id=link_id))


@blueprint.post(f"{_LINK}/send")
def send_again(link_id: int) -> Response:
    """Mail a link to its recipient once more."""
    try:
        link = sharing.send_again(actor(), link_id, _typed_reason())
    except Invalid as refused:
        return _refused(link_id, refused)
    if mails_leave():
        message = _("The link is on its way to %(recipient)s again.", recipient=link.recipient)
    else:
        message = _("The mail is in the outbox: no mail server is configured.")
    flash(message, "success")
    return redirect(url_for("links.show", link_id=link_id))


@blueprint.post(f"{_LINK}/address")
def address(link_id: int) -> str | Response:
    """Show a link's address and its QR code, for copying; that is audited."""
    try:
        shown = sharing.reveal_link(actor(), link_id, _typed_reason())
    except Invalid as refused:
        return _refused(link_id, refused)
    return render_template(
        "sharing/address.html",
        link=links.get_link(actor(), link_id),
        address=shown,
        code=qr_code(shown),
    )


def _typed_reason() -> str:
    return request.form.get("reason", "")


def _refused(link_id: int, why: Invalid) -> Response:
    flash(error_sentence(why), "danger")
    return redirect(url_for("links.show", link_id=link_id))


@blueprint.get("/links/revoke")
def revocation() -> str | Response:
    """Ask for confirmation before revoking several links: the selected ones, all matches, or all of
    a recipient or video.
    """
    if request.args.get("all"):
        # Only the links that were shown are confirmed, not later matches.
        found = revocable_links(actor(), wanted_links(), sharing.MOST_AT_ONCE)
        asked = [("link", str(link.id)) for link in found]
    else:
        found = sharing.find_open_links(actor(), _selection())
        asked = list(request.args.items(multi=True))
    if not found:
        return _nothing_chosen()
    return render_template(
        "sharing/revocation.html",
        links=found,
        subjects=subjects_of(found),
        most=sharing.MOST_AT_ONCE,
        asked=asked,
        form=ReasonForm(),
        now=utcnow(),
    )


@blueprint.post("/links/revoke")
def revoke_many() -> Response:
    """Revoke the selected links, or every link of a recipient or a video."""
    form = ReasonForm()
    reason = (form.reason.data or "").strip() if form.validate_on_submit() else ""
    done = sharing.revoke_links(actor(), _selection(), reason)
    if not done:
        return _nothing_chosen()
    flash(ngettext("%(num)d link revoked.", "%(num)d links revoked.", done), "success")
    return redirect(url_for("links.index"))


def _selection() -> Selection:
    asked = request.values
    return Selection(
        link_ids=tuple(
            int(text) for text in asked.getlist("link") if text.isdecimal() and len(text) < 10
        ),
        recipient=asked.get("recipient", "")[:254],
        public_id=asked.get("video", "")[:64],
        api_key_id=asked.get("key", type=int),
    )


def _nothing_chosen() -> Response:
    flash(_("No link was revoked: none was selected, or they were already revoked."), "warning")
    return redirect(url_for("links.index"))
