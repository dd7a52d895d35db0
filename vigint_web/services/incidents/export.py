"""Read the incidents of a filter as a table, for an export."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from vigint_web.extensions import db
from vigint_web.models import Camera, Incident, IncidentState, RiskLevel, Site, User
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import SORTED_TOP, SortedCursor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList

# The table is made in memory: at most some dozen megabytes.
MOST_EXPORTED = 10_000
LONGEST_MESSAGE = 1000
_BATCH = 500

_COLUMNS = (
    Incident.id, Incident.reference, Incident.detected_at, Incident.created_at,
    Incident.site_name, Site.name.label("site"), Camera.name.label("camera"),
    Incident.incident_type, Incident.risk_level, Incident.confidence,
    func.substr(Incident.message, 1, LONGEST_MESSAGE + 1).label("message"),
    Incident.state, Incident.decision, Incident.reason, Incident.decided_at, Incident.decided_by,
    User.email.label("assignee"), Incident.is_test,
)  # fmt: skip


@dataclass(frozen=True)
class ExportedIncident:
    """What an export says about an incident."""

    reference: str
    detected_at: datetime
    received_at: datetime
    site: str
    camera: str
    incident_type: str
    risk: RiskLevel
    confidence: float | None
    message: str
    state: IncidentState
    decision: IncidentState | None
    reason: str | None
    decided_at: datetime | None
    decided_by: str
    assignee: str
    is_test: bool


@dataclass(frozen=True)
class Export:
    """The exported incidents, and whether there are more than an export holds."""

    rows: list[ExportedIncident]
    is_cut: bool


def export_incidents(actor: Actor, wanted: IncidentFilter) -> Export:
    """Return the incidents of a filter in the order of their list, the first `MOST_EXPORTED`.

    The export is recorded in the audit trail, with its filter.
    """
    wanted = replace(wanted, folded=False)  # each repeat is a line
    exported = _read(IncidentList(actor, wanted))
    own = actor.site_ids
    site_id = next(iter(own)) if own is not None and len(own) == 1 else wanted.site_id
    asked = {
        name: value for name, value in asdict(wanted).items() if value not in {None, "", False}
    }
    with transaction():
        trail.record(
            actor,
            "incidents:exported",
            "incidents",
            site_id=site_id,
            number=len(exported.rows),
            cut=exported.is_cut,
            filter={name: str(value) for name, value in asked.items()},
        )
    return exported


def _read(listed: IncidentList) -> Export:
    cursor: SortedCursor = SORTED_TOP
    rows: list[ExportedIncident] = []
    for _batch in range(0, MOST_EXPORTED, _BATCH):
        page = listed.marks(cursor, _BATCH)
        rows += _rows([mark.id for mark in page.rows])
        if page.next is None:
            return Export(rows, is_cut=False)
        cursor = SortedCursor(before=page.next)
    return Export(rows, is_cut=True)


def _rows(ids: Sequence[int]) -> Iterator[ExportedIncident]:
    query = (
        select(*_COLUMNS)
        .join(Site, Site.id == Incident.site_id)
        .outerjoin(Camera, Camera.id == Incident.camera_id)
        .outerjoin(User, User.id == Incident.assignee_id)
        .where(Incident.id.in_(ids))
    )
    found = {row.id: row for row in db.session.execute(query)}
    # One that was deleted since its mark was read is left out.
    yield from (_exported(found[number]) for number in ids if number in found)


def _exported(row: Any) -> ExportedIncident:
    return ExportedIncident(
        reference=row.reference,
        detected_at=row.detected_at,
        received_at=row.created_at,
        site=row.site_name or row.site,
        camera=row.camera or "",
        incident_type=row.incident_type,
        risk=RiskLevel(row.risk_level),
        confidence=row.confidence,
        message=row.message
        if len(row.message) <= LONGEST_MESSAGE
        else row.message[:LONGEST_MESSAGE] + "…",
        state=IncidentState(row.state),
        decision=IncidentState(row.decision) if row.decision else None,
        reason=row.reason,
        decided_at=row.decided_at,
        decided_by=row.decided_by or "",
        assignee=row.assignee or "",
        is_test=row.is_test,
    )
