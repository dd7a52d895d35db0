"""Export the incidents of a list's filter."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from werkzeug.wrappers import Response

from vigint_web.blueprints.filters import refused_filter
from vigint_web.blueprints.pages.incidents.blueprint import blueprint
from vigint_web.clock import utcnow
from vigint_web.http.pages.csv_tables import csv_answer
from vigint_web.http.pages.incident_filters import asked_incidents
from vigint_web.http.security.identity import actor
from vigint_web.i18n.formats import local, reader_zone
from vigint_web.i18n.reasons import reason_words
from vigint_web.i18n.sentences import author_words, risk_label, state_words
from vigint_web.services.incidents.export import MOST_EXPORTED, ExportedIncident, export_incidents
from vigint_web.services.review import reasons


@blueprint.get("/export.csv")
def export() -> Response:
    """Return the incidents of the list's filter as CSV; times are those of the reader's zone."""
    zone, labels = reader_zone(), reasons.reason_labels()
    wanted, kept = asked_incidents()
    refused = refused_filter(kept)
    if refused is not None:
        return refused
    exported = export_incidents(actor(), wanted)
    titles = [
        _("Reference"),
        _("Detected (%(zone)s)", zone=zone.key),
        _("Received (%(zone)s)", zone=zone.key),
        _("Site"),
        _("Camera"),
        _("Type"),
        _("Risk"),
        _("Confidence"),
        _("Message"),
        _("State"),
        _("Decision"),
        _("Reason"),
        _("Decided (%(zone)s)", zone=zone.key),
        _("Decided by"),
        _("Assigned to"),
        _("Test"),
    ]
    name = f"vigint-incidents-{local(utcnow(), zone):%Y%m%d-%H%M}.csv"
    rows = [_cells(row, zone, labels) for row in exported.rows]
    if exported.is_cut:
        rows.append(
            [
                _(
                    "The export ends after the latest %(most)s incidents: narrow the filter for"
                    " the others.",
                    most=MOST_EXPORTED,
                )
            ]
        )
    return csv_answer(name, titles, rows)


def _cells(row: ExportedIncident, zone: ZoneInfo, labels: dict[str, str | None]) -> list[str]:
    return [
        row.reference,
        _time(row.detected_at, zone),
        _time(row.received_at, zone),
        row.site,
        row.camera,
        row.incident_type,
        risk_label(row.risk),
        "" if row.confidence is None else f"{row.confidence:.0%}",
        row.message,
        state_words(row.state),
        state_words(row.decision) if row.decision else "",
        reason_words(row.reason, labels.get(row.reason)) if row.reason else "",
        _time(row.decided_at, zone),
        author_words(row.decided_by) if row.decided_by else "",
        row.assignee,
        _("TEST") if row.is_test else "",
    ]


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{local(moment, zone):%Y-%m-%d %H:%M:%S}" if moment else ""
