"""Views of confidential incidents: who may see each."""

import re

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.review.blueprint import blueprint
from vigint_web.errors import EditedMeanwhile, Invalid
from vigint_web.http.base.errors import status_of
from vigint_web.http.security.identity import actor
from vigint_web.i18n.refusals import error_sentence
from vigint_web.models import Audience
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.links.links import links_of_video
from vigint_web.services.review import confidentiality

_INCIDENT = "/incidents/<reference>"
# A revision or a user id, in both databases.
_NUMBER = re.compile("[0-9]{1,9}")


@blueprint.get(f"{_INCIDENT}/readers")
def restriction(reference: str) -> str:
    """Show who may see an incident, and ask who may."""
    return _page(reference)


@blueprint.post(f"{_INCIDENT}/readers/restrict")
def restrict(reference: str) -> Response | tuple[str, int]:
    """Make an incident confidential, or change its readers."""
    chosen = [int(one) for one in request.form.getlist("reader") if _NUMBER.fullmatch(one)]
    seen = _seen()
    try:
        revoked = confidentiality.restrict(
            actor(), reference, chosen, seen=seen, revoke_links=request.form.get("revoke") == "1"
        )
    except (EditedMeanwhile, Invalid) as error:
        return _page(reference, error_sentence(error), chosen), status_of(error)
    flash(_("Saved. Only the people named here see this incident."), "success")
    if revoked:
        flash(
            ngettext("%(num)d link was revoked.", "%(num)d links were revoked.", revoked), "success"
        )
    if actor().user_id not in chosen:
        # The incident's page no longer exists for this user.
        return redirect(url_for("incidents.index"))
    return redirect(url_for("incidents.show", reference=reference))


@blueprint.post(f"{_INCIDENT}/readers/lift")
def lift(reference: str) -> Response | tuple[str, int]:
    """Make a confidential incident visible to everyone who may see its site."""
    try:
        confidentiality.lift(actor(), reference, seen=_seen())
    except EditedMeanwhile as error:
        return _page(reference, error_sentence(error)), status_of(error)
    flash(_("The restriction is lifted."), "success")
    return redirect(url_for("incidents.show", reference=reference))


def _seen() -> int:
    text = request.form.get("seen", "")
    return int(text) if _NUMBER.fullmatch(text) else 0


def _page(reference: str, mistake: str = "", chosen: list[int] | None = None) -> str:
    incident = get_incident(actor(), reference)
    present = confidentiality.restriction_of(incident.id)
    if chosen is None:
        chosen = [user.id for user in present.readers]
        if not present.is_confidential:
            chosen = [number for number in (actor().user_id, incident.assignee_id) if number]
    open_links = [
        link
        for link in (links_of_video(incident.video_id) if incident.video_id else [])
        if link.audience == Audience.PERSON and link.revoked_at is None
    ]
    return render_template(
        "review/restriction.html",
        incident=incident,
        present=present,
        people=confidentiality.possible_readers(incident.site_id),
        chosen=chosen,
        open_links=open_links,
        mistake=mistake,
        form=ActionForm(formdata=None),
    )
