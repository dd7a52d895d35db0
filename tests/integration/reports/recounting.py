"""Count all incidents anew, in another way than the application, and compare."""

from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from tests.helpers import renew
from vigint_web.extensions import db
from vigint_web.models import (
    Incident,
    IncidentCount,
    IncidentState,
    Link,
    Notification,
    NotificationState,
)
from vigint_web.services.reports.counts import count_changed
from vigint_web.services.reports.histograms import bucket_of

PARIS = ZoneInfo("Europe/Paris")
Key = tuple[int, str, str, str, str]


def recount() -> dict[Key, dict[str, Any]]:
    """Return what the counts of all incidents must be."""
    found: dict[Key, dict[str, Any]] = {}
    for incident in db.session.scalars(select(Incident)):
        for key in _keys(incident):
            cell = found.setdefault(
                key,
                {
                    "incidents": 0, "undecided": 0, "confirmed": 0, "false_alarms": 0,
                    "mailed": Counter(), "viewed": Counter(), "decided": Counter(),
                },
            )  # fmt: skip
            cell["incidents"] += 1
            cell["undecided"] += incident.state == IncidentState.NEW
            cell["confirmed"] += incident.decision == IncidentState.CONFIRMED
            cell["false_alarms"] += incident.decision == IncidentState.FALSE_ALARM
            for name, moment in (
                ("mailed", _first_mail(incident)),
                ("viewed", _first_view(incident)),
                ("decided", incident.decided_at),
            ):
                if moment is not None:
                    waited = moment - min(incident.detected_at, incident.created_at)
                    cell[name][str(bucket_of(waited.total_seconds()))] += 1
    return found


def kept() -> dict[Key, dict[str, Any]]:
    """Return the kept counts, once all changes are counted."""
    count_changed()
    renew()
    return {
        (row.site_id, row.span, row.dimension, row.start.isoformat(), row.value): {
            name: getattr(row, name)
            for name in (
                "incidents", "undecided", "confirmed", "false_alarms", "mailed", "viewed", "decided"
            )
        }
        for row in db.session.scalars(select(IncidentCount))
    }  # fmt: skip


def _keys(incident: Incident) -> list[Key]:
    local = min(incident.detected_at, incident.created_at).astimezone(PARIS)
    monday = datetime.fromisocalendar(*local.isocalendar()[:2], 1).date()
    values = {
        "all": "", "hour": str(local.hour), "risk": incident.risk_level,
        "type": incident.incident_type,
        "camera": "" if incident.camera_id is None else str(incident.camera_id),
    }  # fmt: skip
    return [
        (site_id, span, dimension, start.isoformat(), str(value))
        for site_id in (0, incident.site_id)
        for span, start in (("day", local.date()), ("week", monday))
        for dimension, value in values.items()
    ]


def _first_mail(incident: Incident) -> datetime | None:
    rows = db.session.scalars(select(Notification).where(Notification.incident_id == incident.id))
    sent = [row.sent_at for row in rows if row.state == NotificationState.SENT and not row.is_call]
    return min((at for at in sent if at is not None), default=None)


def _first_view(incident: Incident) -> datetime | None:
    if incident.video_id is None:
        return None
    rows = db.session.scalars(select(Link).where(Link.video_id == incident.video_id))
    played = [row.first_played_at for row in rows]
    return min((at for at in played if at is not None), default=None)
