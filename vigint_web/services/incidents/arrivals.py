"""Find what a list that was shown lacks, and keep in place what it shows.

Ids are committed in their order: each transaction that adds an incident holds the counter of
references (`services.core.sequences`). What a list was shown up to is therefore one number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from vigint_web.extensions import db
from vigint_web.models import Incident, RiskLevel
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import SortedPage
from vigint_web.services.incidents.listing import (
    IncidentFilter,
    IncidentList,
    conditions_of,
    listed_at,
)

# Counted no further: the cost of a poll must not grow with what arrived.
MOST_ARRIVALS = 500
# Rows of a list that its page names; a page that has more names the last ones.
MOST_SHOWN = 200
_LOUD = (RiskLevel.HIGH, RiskLevel.CRITICAL)


@dataclass(frozen=True)
class Arrivals:
    """What arrived for a list since it was shown.

    Args:
        number: how many rows the list lacks.
        high: how many of them are of a high or critical risk.
        is_more: whether more arrived than are counted.
    """

    number: int = 0
    high: int = 0
    is_more: bool = False


def newest_id(actor: Actor) -> int:
    """Return the number of the last incident that the actor's sites received, 0 without any."""
    newest = select(func.max(Incident.id))
    if actor.site_ids is None:
        return db.session.scalar(newest) or 0
    if not actor.site_ids:
        return 0
    # Each is the last entry of an index; together they would be read from the first one on.
    of_sites = [
        newest.where(Incident.site_id == one).scalar_subquery() for one in sorted(actor.site_ids)
    ]
    return max(number or 0 for number in db.session.execute(select(*of_sites)).one())


def find_arrivals(actor: Actor, wanted: IncidentFilter, since_id: int) -> Arrivals:
    """Return what was received after an incident and is in a filter's list."""
    # One lookup at the end of an index, unless something arrived.
    ids = list(db.session.scalars(_received(actor, since_id)))
    if not ids:
        return Arrivals()
    risks = db.session.scalars(_risks(wanted, ids[:MOST_ARRIVALS])).all()
    return Arrivals(
        len(risks), sum(risk in _LOUD for risk in risks), is_more=len(ids) > MOST_ARRIVALS
    )


def _received(actor: Actor, since_id: int) -> Select[int]:
    query = select(Incident.id).where(actor.scope(Incident.site_id), Incident.id > since_id)
    return query.order_by(Incident.id.desc()).limit(MOST_ARRIVALS + 1)


def _risks(wanted: IncidentFilter, ids: Sequence[int]) -> Select[RiskLevel]:
    """Return the risks of those of some incidents that are in a filter's list."""
    # A subquery with a limit: without statistics SQLite would read all of a filter's index.
    some = select(Incident.__table__).where(Incident.id.in_(ids)).limit(len(ids))
    arrived = aliased(Incident, some.subquery())
    return select(arrived.risk_level).where(*conditions_of(wanted, listed_at(arrived), arrived))


def keep_in_place(
    listed: IncidentList, page: SortedPage[Incident], shown: Sequence[Incident], newest: int
) -> tuple[SortedPage[Incident], int]:
    """Return the rows that a page shows, in their order, whether or not they are still in the list.

    Nothing is inserted between them: how many wait that entered the list otherwise than by their
    receipt, such as a reopened incident, is returned too. Below the last one follow those of the
    list that were received already.

    Args:
        page: the rows that the page would show if it were loaded now.
        newest: the number of the incident that was received last when the page was loaded.
    """
    last = min(map(listed.place_of, shown), default=None)
    known = {row.id for row in shown}
    others = [row for row in page.rows if row.id not in known and row.id <= newest]
    below = [row for row in others if last is None or listed.place_of(row) < last]
    rows = sorted([*shown, *below], key=listed.place_of, reverse=True)
    following = listed.mark_of(rows[-1]) if page.next is not None and rows else page.next
    return SortedPage(rows, page.previous, following), len(others) - len(below)


def shown_rows(actor: Actor, references: Sequence[str], *, tests: bool) -> list[Incident]:
    """Return the incidents, or test alerts, that a page names and the actor sees."""
    named = list(islice(references, MOST_SHOWN))
    if not named:
        return []
    query = select(Incident).where(
        actor.scope(Incident.site_id), Incident.reference.in_(named), Incident.is_test.is_(tests)
    )
    return list(db.session.scalars(query))
