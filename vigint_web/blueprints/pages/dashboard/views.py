"""Views of the home page."""

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response

from vigint_web.blueprints.pages.dashboard import retention_words, words
from vigint_web.blueprints.pages.dashboard.blueprint import blueprint
from vigint_web.extensions import limiter
from vigint_web.http.pages.live import live_page
from vigint_web.http.pages.qr_codes import qr_code
from vigint_web.http.security.identity import actor, can
from vigint_web.i18n.formats import reader_zone, short_day
from vigint_web.permissions import Permission
from vigint_web.services.accounts.sites import list_sites
from vigint_web.services.core.runtime import mails_leave
from vigint_web.services.dispatch import on_hold
from vigint_web.services.incidents import reading
from vigint_web.services.incidents.listing import MOST_COUNTED
from vigint_web.services.incidents.sample_alert import send_test_alert
from vigint_web.services.operations import health, reach
from vigint_web.services.operations.health_rules import examine
from vigint_web.services.reports.overview import Overview, first_steps, overview
from vigint_web.services.reports.work import work_of
from vigint_web.services.retention import camera_limits, changes
from vigint_web.services.videos.totals import stored_bytes


@blueprint.get("/")
def home() -> str:
    """Show what happened since the last visit, what awaits the user, and what failed."""
    reading.begin_visit(actor())
    return render_template("dashboard/home.html", **_shown())


@blueprint.get("/live")
def live() -> Response:
    """Return the changing part of the home page, or 304."""
    return live_page(lambda: render_template("dashboard/_live.html", **_shown()))


@blueprint.post("/test-alert")
@limiter.limit("4/minute;20/hour", key_func=lambda: f"person:{current_user.get_id()}")
def test_alert() -> Response:
    """Send the user a test alert through the whole workflow."""
    message = _(
        "This is a test alert, requested by %(person)s. Nothing happened: its images are drawn.",
        person=current_user.email,
    )
    incident = send_test_alert(actor(), current_user.email, message)
    if mails_leave():
        sentence = _("The test alert is on its way to %(address)s.", address=current_user.email)
    else:
        sentence = _("The test alert is being written to the outbox: no mail server is configured.")
    flash(sentence, "success")
    return redirect(url_for("incidents.show", reference=incident.reference))


def _shown() -> dict[str, Any]:
    readings = health.measure()  # first: it ends the transaction
    findings = examine(readings)
    if can(Permission.READ_HEALTH):
        lines = words.health_lines(findings, readings, stored_bytes())
    else:
        lines = words.effect_lines(findings, readings)
    shown = overview(actor(), reader_zone())
    return {
        "overview": shown,
        "site_names": _sites_of_nights(shown),
        "work": work_of(actor()),
        "most_counted": MOST_COUNTED,
        "steps": first_steps(actor()),
        **_outside(),
        "health": lines,
        "trend_words": words.trend_words,
        "short_day": short_day,
        "mails_are_sent": readings.mails.server is not None,
        "on_hold": on_hold.find_on_hold(actor()) if can(Permission.RELEASE_MAILS) else None,
        **_retention(),
    }


def _sites_of_nights(shown: Overview) -> dict[int, str]:
    """Return the names of sites, where a failed mail is about one's night."""
    if not any(mail.night for mail in shown.failed_mails.items):
        return {}
    return {site.id: site.name for site in list_sites(actor())}


def _outside() -> dict[str, Any]:
    """Return the code that a phone outside scans, for those who set the installation up."""
    if not can(Permission.READ_HEALTH):
        return {"guided": False, "reach": None, "scanned": None}
    found, address = reach.last_reach(), reach.address_to_scan()
    asked = found is None or not found.from_outside
    return {
        "guided": True,
        "reach": found,
        "scanned": qr_code(address) if asked and address is not None else None,
    }


def _retention() -> dict[str, list[Any]]:
    waiting = changes.find_waiting()
    if not can(Permission.MANAGE_RETENTION):
        notices = [retention_words.effect_notice(one) for one in waiting]
        lines = [line for line in notices if line]
        return {"retention": [], "retention_lines": lines, "retention_cameras": []}
    moving = changes.find_moving()
    return {
        "retention": [retention_words.waiting_notice(one) for one in waiting],
        "retention_lines": [retention_words.progress_line(one) for one in moving],
        "retention_cameras": camera_limits.list_waiting(actor()),
    }
