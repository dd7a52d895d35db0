"""Views of the revocation page."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.auth.forms import ReasonForm
from vigint_web.clock import utcnow
from vigint_web.http.identity import actor
from vigint_web.http.paging import before_id
from vigint_web.services import links

blueprint = Blueprint("links", __name__, url_prefix="/links")

_PAGE = 50


@blueprint.get("/")
def index() -> str:
    """List every link, live and dead."""
    search = request.args.get("q", "").strip()[:200]
    found = links.list_links(actor(), search=search, before=before_id(), limit=_PAGE + 1)
    return render_template(
        "links/index.html",
        links=found[:_PAGE],
        more=found[_PAGE - 1].id if len(found) > _PAGE else None,
        search=search,
        now=utcnow(),
    )


@blueprint.get("/<int(max=2147483647):link_id>/")
def show(link_id: int) -> str:
    """Show one link and every request that came with it."""
    link = links.get_link(actor(), link_id)
    return render_template(
        "links/show.html",
        link=link,
        accesses=links.accesses_of_link(link_id),
        form=ReasonForm(),
        now=utcnow(),
    )


@blueprint.post("/<int(max=2147483647):link_id>/revoke")
def revoke(link_id: int) -> Response:
    """Revoke a link at once."""
    form = ReasonForm()
    reason = form.reason.data or "" if form.validate_on_submit() else ""
    links.revoke_link(actor(), link_id, reason)
    flash(_("The link is revoked. Whoever watches it now is stopped within seconds."), "success")
    return redirect(url_for("links.show", link_id=link_id))
