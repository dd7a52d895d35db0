"""Views of the home page."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from vigint_web.blueprints.dashboard import words
from vigint_web.extensions import limiter
from vigint_web.formats import reader_zone
from vigint_web.http.identity import actor, can
from vigint_web.http.live import live_page
from vigint_web.permissions import Permission
from vigint_web.services import health
from vigint_web.services.health_rules import examine
from vigint_web.services.overview import first_steps, overview
from vigint_web.services.test_alert import send_test_alert

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/")
def home() -> str:
    """Show what came in lately, what is under way, and whether everything works."""
    return render_template("dashboard/home.html", **_shown())


@blueprint.get("/live")
def live() -> Response:
    """Return the part of the home page that changes, unless it did not."""
    return live_page(lambda: render_template("dashboard/_live.html", **_shown()))


@blueprint.post("/test-alert")
@limiter.limit("4/minute;20/hour", key_func=lambda: f"person:{current_user.get_id()}")
def test_alert() -> Response:
    """Send the person who asks an alert of their own, by the whole way of a real one."""
    message = _(
        "This is a test alert, asked for by %(person)s. Nothing happened: its pictures are drawn.",
        person=current_user.email,
    )
    incident = send_test_alert(actor(), current_user.email, message)
    flash(_("The test alert is on its way to %(address)s.", address=current_user.email), "success")
    return redirect(url_for("incidents.show", reference=incident.reference))


def _shown() -> dict[str, Any]:
    readings = health.measure()  # first: it ends the transaction
    findings = examine(readings)
    if can(Permission.READ_HEALTH):
        told = words.tell_all(findings, readings, health.footage_bytes())
    else:
        told = words.tell_effects(findings, readings)
    return {
        "overview": overview(actor(), reader_zone()),
        "steps": first_steps(actor()),
        "health": told,
        "trend_words": words.trend_words,
        "short_day": words.short_day,
        "mails_are_sent": readings.mails.server is not None,
    }
