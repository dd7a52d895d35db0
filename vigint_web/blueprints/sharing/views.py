"""Views of sharing. A link's address is shown in the answer to a POST, and kept nowhere."""

from io import BytesIO

import segno
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from markupsafe import Markup
from werkzeug.wrappers import Response

from vigint_web.blueprints.sharing.forms import OTHER, PeriodForm, RevocationForm, ShareForm
from vigint_web.clock import utcnow
from vigint_web.errors import Invalid
from vigint_web.http.identity import actor
from vigint_web.services import links, sharing
from vigint_web.services.incidents import find_incident_of
from vigint_web.services.playback import find_visible_video
from vigint_web.services.sharing import Selection, Terms
from vigint_web.services.sources import find_source_of
from vigint_web.wording import sharing_mistake

blueprint = Blueprint("sharing", __name__)

_LINK = "/links/<int(max=2147483647):link_id>"


@blueprint.get("/videos/<public_id>/share")
def new(public_id: str) -> str:
    """Show the form that shares a video."""
    return _form_page(public_id, ShareForm())


@blueprint.post("/videos/<public_id>/share")
def share(public_id: str) -> Response | tuple[str, int]:
    """Give each recipient a link of their own, by mail."""
    form = ShareForm()
    if not form.validate_on_submit():
        return _form_page(public_id, form), 422
    terms = Terms(
        expires_at=form.expires_at(),
        not_before=form.starts_at(),
        max_views=form.max_views.data,
        full_access=form.download.data,
        note=(form.note.data or "").strip(),
    )
    try:
        made = sharing.share_video(actor(), public_id, form.addresses(), terms)
    except Invalid as refused:
        return _form_page(public_id, form, refused.mistakes), 422
    said = ngettext("%(num)d link is on its way.", "%(num)d links are on their way.", len(made))
    flash(said, "success")
    if len(made) == 1:
        return redirect(url_for("links.show", link_id=made[0].id))
    return redirect(_home_of(public_id))


def _form_page(public_id: str, form: ShareForm, mistakes: list[str] | None = None) -> str:
    video = find_visible_video(actor(), public_id)
    return render_template(
        "sharing/new.html",
        form=form,
        video=video,
        incident=find_incident_of(video.id),
        source=find_source_of(video.id),
        back=_home_of(public_id),
        mistakes=[sharing_mistake(code) for code in mistakes or []],
        other=OTHER,
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
            flash(_("The link works until another time now."), "success")
        except Invalid as refused:
            flash(" ".join(str(sharing_mistake(code)) for code in refused.mistakes), "danger")
    else:
        flash(_("Give the date and the time until which the link works."), "danger")
    return redirect(url_for("links.show", link_id=link_id))


@blueprint.post(f"{_LINK}/send")
def send_again(link_id: int) -> Response:
    """Mail a link to its recipient once more."""
    link = sharing.send_again(actor(), link_id)
    flash(_("The link is on its way to %(recipient)s again.", recipient=link.recipient), "success")
    return redirect(url_for("links.show", link_id=link_id))


@blueprint.post(f"{_LINK}/address")
def address(link_id: int) -> str:
    """Show a link's address and its QR code, for copying; that is audited."""
    shown = sharing.reveal_link(actor(), link_id)
    return render_template(
        "sharing/address.html",
        link=links.get_link(actor(), link_id),
        address=shown,
        code=_qr_code(shown),
    )


def _qr_code(text: str) -> Markup:
    """Return a QR code as inline SVG (ISO/IEC 18004), drawn in the colours of paper and ink."""
    drawn = BytesIO()
    code = segno.make(text, error="m", micro=False)
    shape = {"border": 4, "svgclass": "qr", "lineclass": "", "omitsize": True}
    code.save(drawn, kind="svg", xmldecl=False, **shape)
    # The library wrote it; the address is in it as squares only.
    return Markup(drawn.getvalue().decode())  # noqa: S704 - no text of anybody is in it


@blueprint.get("/links/revoke")
def revocation() -> str | Response:
    """Ask before many links end: the chosen ones, or all of a recipient or a video."""
    found = sharing.find_open_links(actor(), _selection())
    if not found:
        return _nothing_chosen()
    return render_template(
        "sharing/revocation.html",
        links=found,
        asked=[(name, value) for name, value in request.args.items(multi=True)],
        form=RevocationForm(),
        now=utcnow(),
    )


@blueprint.post("/links/revoke")
def revoke_many() -> Response:
    """Revoke the chosen links, or every link of a recipient or a video."""
    form = RevocationForm()
    reason = (form.reason.data or "").strip() if form.validate_on_submit() else ""
    done = sharing.revoke_links(actor(), _selection(), reason)
    if not done:
        return _nothing_chosen()
    flash(ngettext("%(num)d link is revoked.", "%(num)d links are revoked.", done), "success")
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
    flash(_("No link was revoked: none was chosen, or they were revoked before."), "warning")
    return redirect(url_for("links.index"))
