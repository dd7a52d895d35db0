"""Incidents of a night, for the tests of lists and of the review."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, text

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Incident, RiskLevel, Site
from vigint_web.services.accounts import sites
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.listing import IncidentList

NOW = utcnow().replace(microsecond=0)


def add_incident(
    name: str, detected: float, received: float, site: Site | None = None, **more: object
) -> Incident:
    """Add an incident, detected and received so many minutes ago."""
    values: dict[str, object] = {
        "reference": f"INC-2026-{name}",
        "site_id": (site or sites.default_site()).id,
        "body_sha256": "0" * 64,
        "message": "",
        "incident_type": "Intrusion",
        "risk_level": RiskLevel.HIGH,
        "detected_at": NOW - timedelta(minutes=detected),
        "created_at": NOW - timedelta(minutes=received),
        "link_hours": 48,
    }
    row = Incident(**{**values, **more})
    with transaction() as session:
        session.add(row)
    return row


def plan_of(listed: IncidentList) -> str:
    """Return how the database reads a page of the first part of a list."""
    query, order = listed._parts()[0]
    return plan_of_query(query.order_by(order.column.desc(), order.row_id.desc()).limit(50))


def plan_of_query(query: Select[Any]) -> str:
    """Return how the database reads the rows of a query."""
    compiled = str(query.compile(db.engine, compile_kwargs={"literal_binds": True}))
    if db.engine.dialect.name == "sqlite":
        return str(db.session.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all())
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    return str(db.session.execute(text(f"EXPLAIN {compiled}")).all())
