"""Views of the token by which programs read a source."""

from flask import flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.auth.forms import ReasonForm
from vigint_web.blueprints.sources.blueprint import blueprint
from vigint_web.blueprints.sources.forms import TokenEndForm
from vigint_web.errors import Invalid
from vigint_web.http.identity import actor
from vigint_web.services import program_links
from vigint_web.wording import sharing_mistake


@blueprint.post("/<source_id>/rotate")
def rotate(source_id: str) -> Response:
    """Give a source's programs a new token."""
    program_links.renew(actor(), source_id)
    flash(_("The access token is new. The old one opens nothing any more."), "success")
    return _back(source_id)


@blueprint.post("/<source_id>/token-end")
def token_end(source_id: str) -> Response:
    """Let the token of a source's programs end at another time."""
    form = TokenEndForm()
    if form.validate_on_submit():
        try:
            link = program_links.set_expiry(actor(), source_id, form.ends_at())
        except Invalid as refused:
            flash(" ".join(str(sharing_mistake(code)) for code in refused.mistakes), "danger")
        else:
            flash(
                _("The token works until another time now.")
                if link.expires_at
                else _("The token works without an end now."),
                "success",
            )
    else:
        flash(_("Give the date and the time until which the token works."), "danger")
    return _back(source_id)


@blueprint.post("/<source_id>/token-revoke")
def revoke_token(source_id: str) -> Response:
    """Let a source's programs read nothing any more."""
    form = ReasonForm()
    reason = (form.reason.data or "").strip() if form.validate_on_submit() else ""
    program_links.revoke(actor(), source_id, reason)
    flash(_("The access of programs is revoked: the token opens nothing any more."), "success")
    return _back(source_id)


def _back(source_id: str) -> Response:
    return redirect(url_for("sources.show", source_id=source_id))
