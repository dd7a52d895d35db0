"""Views of the token with which programs read a source."""

from flask import flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ReasonForm
from vigint_web.blueprints.pages.sources.blueprint import blueprint
from vigint_web.blueprints.pages.sources.forms import TokenEndForm
from vigint_web.errors import Invalid
from vigint_web.http.security.identity import actor
from vigint_web.i18n.refusals import error_sentence
from vigint_web.services.sources import access_token


@blueprint.post("/<source_id>/rotate")
def rotate(source_id: str) -> Response:
    """Rotate the programs' token of a source."""
    access_token.renew(actor(), source_id)
    flash(_("The access token was replaced. The old one no longer works."), "success")
    return _back(source_id)


@blueprint.post("/<source_id>/token-end")
def token_end(source_id: str) -> Response:
    """Change the expiry of a source's programs' token."""
    form = TokenEndForm()
    if form.validate_on_submit():
        try:
            link = access_token.set_expiry(actor(), source_id, form.ends_at())
        except Invalid as refused:
            flash(error_sentence(refused), "danger")
        else:
            flash(
                _("The expiry of the token was changed.")
                if link.expires_at
                else _("The token no longer expires."),
                "success",
            )
    else:
        flash(_("Enter the date and time until which the token works."), "danger")
    return _back(source_id)


@blueprint.post("/<source_id>/token-revoke")
def revoke_token(source_id: str) -> Response:
    """Revoke the programs' token of a source."""
    form = ReasonForm()
    reason = (form.reason.data or "").strip() if form.validate_on_submit() else ""
    access_token.revoke(actor(), source_id, reason)
    flash(_("Program access is revoked: the token no longer works."), "success")
    return _back(source_id)


def _back(source_id: str) -> Response:
    return redirect(url_for("sources.show", source_id=source_id))
