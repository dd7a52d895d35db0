"""Views of incidents."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.auth.forms import ActionForm
from vigint_web.clock import utcnow
from vigint_web.http.identity import actor
from vigint_web.http.live import live_page
from vigint_web.http.paging import asked_day, beginning_of, chosen, place, search_text
from vigint_web.models import RiskLevel
from vigint_web.services import alerts, hosting_elsewhere, incidents, links, listing

blueprint = Blueprint("incidents", __name__, url_prefix="/incidents")


@blueprint.get("/")
def index() -> str:
    """List the incidents."""
    return render_template("incidents/index.html", **_listed())


@blueprint.get("/live")
def live_list() -> Response:
    """Return the part of the list that changes."""
    return live_page(lambda: render_template("incidents/_list.html", **_listed()))


def _listed() -> dict[str, object]:
    since, until = asked_day("from"), asked_day("to")
    risk = chosen("risk", tuple(level.value for level in RiskLevel))
    wanted = listing.IncidentFilter(
        text=search_text(),
        risk=RiskLevel(risk) if risk else None,
        since=beginning_of(since),
        until=beginning_of(until, following=True),
    )
    here = place()
    # The address keeps what was asked for; `from` is no name that a template could write.
    asked = {"q": wanted.text, "risk": risk, "from": since, "to": until}
    kept = {name: str(value) for name, value in asked.items() if value}
    return {
        "page": listing.find_incidents(actor(), wanted, here),
        "here": here,
        "kept": kept,
    }


@blueprint.get("/<reference>/")
def show(reference: str) -> str:
    """Show one incident: facts, player, deliveries, links."""
    return render_template("incidents/show.html", form=ActionForm(), **_shown(reference))


@blueprint.get("/<reference>/live")
def live(reference: str) -> Response:
    """Return the part of an incident's page that changes."""
    return live_page(
        lambda: render_template("incidents/_live.html", form=ActionForm(), **_shown(reference))
    )


def _shown(reference: str) -> dict[str, object]:
    incident = incidents.get_incident(actor(), reference)
    owed = incidents.alerts_of(incident.id)
    settled = incident.video is None or incident.video.is_settled
    return {
        "incident": incident,
        "video": incident.video,
        "alerts": owed,
        "links": links.links_of_video(incident.video_id) if incident.video_id else [],
        "hosting": hosting_elsewhere.find_hosting(incident.id),
        "now": utcnow(),
        "busy": not settled or any(alert.state in {"waiting", "pending"} for alert in owed),
    }


@blueprint.post("/<reference>/retry")
def retry(reference: str) -> Response:
    """Encode a failed incident's video again."""
    incidents.retry_incident_video(actor(), reference)
    flash(_("Processing starts again."), "success")
    return redirect(url_for("incidents.show", reference=reference))


@blueprint.post("/<reference>/alerts/<int(max=2147483647):alert_id>/retry")
def retry_alert(reference: str, alert_id: int) -> Response:
    """Send a mail that was given up again."""
    alerts.retry_alert(actor(), reference, alert_id)
    flash(_("The mail will be sent again."), "success")
    return redirect(url_for("incidents.show", reference=reference))
