"""Views of incidents."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.auth.forms import ActionForm
from vigint_web.clock import utcnow
from vigint_web.http.identity import actor
from vigint_web.http.paging import before_id
from vigint_web.services import alerts, incidents, links

blueprint = Blueprint("incidents", __name__, url_prefix="/incidents")

_PAGE = 50


@blueprint.get("/")
def index() -> str:
    """List the incidents."""
    found = incidents.list_incidents(actor(), before=before_id(), limit=_PAGE + 1)
    return render_template(
        "incidents/index.html",
        incidents=found[:_PAGE],
        more=found[_PAGE - 1].id if len(found) > _PAGE else None,
    )


@blueprint.get("/<reference>/")
def show(reference: str) -> str:
    """Show one incident: facts, player, deliveries, links."""
    return render_template("incidents/show.html", form=ActionForm(), **_shown(reference))


@blueprint.get("/<reference>/live")
def live(reference: str) -> str:
    """Return the part of an incident's page that changes while its work is done."""
    return render_template("incidents/_live.html", form=ActionForm(), **_shown(reference))


def _shown(reference: str) -> dict[str, object]:
    incident = incidents.get_incident(actor(), reference)
    owed = incidents.alerts_of(incident.id)
    settled = incident.video is None or incident.video.is_settled
    return {
        "incident": incident,
        "video": incident.video,
        "alerts": owed,
        "links": links.links_of_video(incident.video_id) if incident.video_id else [],
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
