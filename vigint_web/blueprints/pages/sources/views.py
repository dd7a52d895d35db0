"""Views of one source: its facts, actions, and access log."""

from datetime import datetime

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.forms import ActionForm
from vigint_web.blueprints.pages.sources.blueprint import blueprint
from vigint_web.blueprints.pages.sources.forms import TokenEndForm
from vigint_web.clock import utcnow
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.locale import use_zone
from vigint_web.http.pages.paging import sorted_cursor
from vigint_web.http.security.identity import actor
from vigint_web.permissions import Permission
from vigint_web.serializers.token_api import api_links
from vigint_web.services.audit.staff_access import own_playbacks, record_shown_addresses
from vigint_web.services.core.runtime import config
from vigint_web.services.core.site_settings import zone_of
from vigint_web.services.links import links
from vigint_web.services.links.rules import refusal_of_link
from vigint_web.services.sources import access_log, duplicates, sources
from vigint_web.services.sources.cancellation import cancel_processing

# The number of requests on the page itself; another page has all.
_LATEST = 8


@blueprint.get("/<source_id>/")
def show(source_id: str) -> str:
    """Show one source: status, picture, player, metadata, API links."""
    return render_template("sources/show.html", form=ActionForm(), **_shown(source_id))


@blueprint.get("/<source_id>/live")
def live(source_id: str) -> Response:
    """Return the changing part of a source's page."""
    source = sources.get_source(actor(), source_id)
    return live_page(
        lambda: render_template("sources/_live.html", form=ActionForm(), **_shown(source_id)),
        also=access_log.last_reading(source.video_id),
    )


def _shown(source_id: str) -> dict[str, object]:
    source = sources.get_source(actor(), source_id)
    use_zone(zone_of(source.site))
    link = links.program_link(source.video_id)
    may_know = actor().may(Permission.MANAGE_LINKS)
    refused = refusal_of_link(link, utcnow()) if link is not None else None
    shows = link is not None and refused is None and may_know
    if link is not None and shows:
        record_shown_addresses(actor(), link)
    read = access_log.page_of_readings(source.video, size=_LATEST) if may_know else None
    doubles = [] if source.keeps_duplicate else duplicates.find_duplicates(actor(), source)
    return {
        "source": source,
        "video": source.video,
        "link": link,
        "now": utcnow(),
        "api": api_links(link) if link is not None and shows else None,
        "duplicates": doubles,
        "readings": read,
        "ends": TokenEndForm.PERIODS,
        "limit": config().max_upload_bytes,
    }


@blueprint.get("/<source_id>/accesses")
def accesses(source_id: str) -> str:
    """Show who read the video of a source, when and how much."""
    source = sources.get_source(actor(), source_id)
    here = sorted_cursor(datetime, known=True)
    return render_template(
        "sources/accesses.html",
        source=source,
        video=source.video,
        page=access_log.page_of_readings(source.video, here),
        readers=access_log.readers_of(source.video) if here.is_top else [],
        played=own_playbacks(source.video) if here.is_top else [],
        here=here,
        now=utcnow(),
    )


@blueprint.post("/<source_id>/keep")
def keep_duplicate(source_id: str) -> Response:
    """Keep a source whose bytes are already stored."""
    duplicates.keep_duplicate(actor(), source_id)
    flash(_("Both are kept."), "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<source_id>/retry")
def retry(source_id: str) -> Response:
    """Process a failed source again."""
    sources.retry_source(actor(), source_id)
    flash(_("Processing starts again."), "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<source_id>/cancel")
def cancel(source_id: str) -> Response:
    """Stop the processing of a source."""
    cancel_processing(actor(), source_id)
    flash(_("Processing is cancelled."), "success")
    return redirect(url_for("sources.show", source_id=source_id))


@blueprint.post("/<source_id>/delete")
def delete(source_id: str) -> Response:
    """Delete a source with its files and links."""
    sources.delete_source(actor(), source_id)
    flash(_("Source %(source)s deleted.", source=source_id), "success")
    return redirect(url_for("sources.index"))
