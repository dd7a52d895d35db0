"""View of the home page."""

from datetime import timedelta

from flask import Blueprint, render_template

from vigint_web.clock import utcnow
from vigint_web.http.identity import actor
from vigint_web.services import incidents, sources
from vigint_web.services.health import missing_parts
from vigint_web.services.runtime import config

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/")
def home() -> str:
    """Show what came in lately and whether everything works."""
    settings = config()
    missing = missing_parts()  # first: it ends the transaction
    return render_template(
        "dashboard/home.html",
        incidents=incidents.list_incidents(actor(), limit=5),
        incidents_today=incidents.count_incidents(actor(), utcnow() - timedelta(days=1)),
        incidents_week=incidents.count_incidents(actor(), utcnow() - timedelta(days=7)),
        sources=sources.list_sources(actor(), limit=5),
        source_counts=sources.count_sources(actor()),
        missing=missing,
        loopback_warning=settings.base_url_is_loopback and settings.email.server is not None,
        outbox=settings.email.server is None,
        base_url=settings.base_url,
    )
