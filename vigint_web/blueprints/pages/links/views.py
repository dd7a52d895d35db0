"""Views of the revocation page."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import PERIODS, ReasonForm
from vigint_web.clock import utcnow
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.locale import use_zone
from vigint_web.http.pages.paging import cursor, wanted_links
from vigint_web.http.security.identity import actor
from vigint_web.models import Link
from vigint_web.services.accounts.sites import zone_for
from vigint_web.services.core.keyset_pagination import Page
from vigint_web.services.links import access, links
from vigint_web.services.links.listing import MOST_COUNTED, count_revocable, find_links
from vigint_web.services.links.plays import plays_of_link
from vigint_web.services.links.sharing import needs_reason
from vigint_web.services.reports.link_subjects import subjects_of

blueprint = Blueprint("links", __name__, url_prefix="/links")


@blueprint.get("/")
def index() -> str:
    """List every link, including ended ones."""
    wanted, page = wanted_links(), _page()
    return render_template(
        "links/index.html",
        revocable=count_revocable(actor(), wanted, page),
        most=MOST_COUNTED,
        **_listed(page),
    )


def _page() -> Page[Link]:
    return find_links(actor(), wanted_links(), cursor())


@blueprint.get("/live")
def live_list() -> Response:
    """Return the changing part of the list."""
    return live_page(lambda: render_template("links/_list.html", **_listed(_page())))


def _listed(page: Page[Link]) -> dict[str, object]:
    wanted = wanted_links()
    asked = {"q": wanted.text, "state": wanted.state}
    return {
        "page": page,
        "subjects": subjects_of(page.rows),
        "here": cursor(),
        "kept": {name: value for name, value in asked.items() if value},
        "now": utcnow(),
    }


@blueprint.get("/<int(max=2147483647):link_id>/")
def show(link_id: int) -> str:
    """Show one link and every request with its token."""
    return render_template("links/show.html", form=ReasonForm(), **_shown(link_id))


@blueprint.get("/<int(max=2147483647):link_id>/live")
def live(link_id: int) -> Response:
    """Return the changing part of a link's page."""
    return live_page(
        lambda: render_template("links/_live.html", form=ReasonForm(), **_shown(link_id)),
        also=access.last_access(link_id),
    )


def _shown(link_id: int) -> dict[str, object]:
    link = links.get_link(actor(), link_id)
    use_zone(zone_for(actor(), link.site_id))
    return {
        "link": link,
        "subject": subjects_of([link]).get(link.video_id),
        "plays": plays_of_link(link),
        "periods": PERIODS,
        "needs_reason": needs_reason(link.site_id),
        "accesses": access.accesses_of_link(link_id),
        "now": utcnow(),
    }


@blueprint.post("/<int(max=2147483647):link_id>/revoke")
def revoke(link_id: int) -> Response:
    """Revoke a link at once."""
    form = ReasonForm()
    reason = form.reason.data or "" if form.validate_on_submit() else ""
    links.revoke_link(actor(), link_id, reason)
    flash(_("The link was revoked. A viewing in progress stops within seconds."), "success")
    return redirect(url_for("links.show", link_id=link_id))
