"""Find the undecided incidents that were received late."""

from sqlalchemy import func, literal, select

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState
from vigint_web.services.core.actors import Actor
from vigint_web.services.incidents.listing import MOST_COUNTED, RECENT, one_of, sites_of, was_late


def late_arrivals(
    actor: Actor, most: int = 5, newest: int | None = None
) -> tuple[list[Incident], int]:
    """Return the last undecided incidents that were received late, and how many more there are.

    Of the last 24 hours, and counted up to `MOST_COUNTED`: in the order of detection they may be
    many pages below. Without those received after the incident of the id `newest`.
    """
    query = (
        select(Incident)
        .where(
            one_of(Incident.site_id, sites_of(actor, None)),
            Incident.created_at >= utcnow() - RECENT,
            Incident.state == literal(IncidentState.NEW.value, literal_execute=True),
            ~Incident.is_test,
            was_late(),
        )
        .order_by(Incident.created_at.desc(), Incident.id.desc())
    )
    if newest is not None:
        query = query.where(Incident.id + 0 <= newest)  # no index is followed for this
    rows = list(db.session.scalars(query.limit(most)))
    if len(rows) < most:
        return rows, 0
    some = query.with_only_columns(Incident.id).order_by(None).limit(MOST_COUNTED)
    every = db.session.scalar(select(func.count()).select_from(some.subquery())) or 0
    return rows, every - len(rows)
