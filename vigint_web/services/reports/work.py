"""Collect what awaits a person: undecided incidents by risk, arrivals, late ones, their own."""

from dataclasses import dataclass
from datetime import datetime

from vigint_web.models import Incident, IncidentState, RiskLevel
from vigint_web.services.core.actors import Actor
from vigint_web.services.incidents import reading
from vigint_web.services.incidents.late_arrivals import late_arrivals
from vigint_web.services.incidents.listing import (
    IncidentFilter,
    IncidentList,
    count_undecided,
)
from vigint_web.services.reports.overview import Shortened

_SHOWN = 3
_SHOWN_LATE = 3


@dataclass(frozen=True)
class Work:
    """What awaits a person on the home page; counts go up to `MOST_COUNTED` + 1.

    Args:
        by_risk: the numbers of undecided incidents of each level that has some, the highest first.
        first: the undecided ones of the highest risk.
        mine: those assigned to the person, likewise.
        since: the end of the person's last visit; None: this is the first one.
        received: how many incidents arrived since then.
        late: undecided ones that were received late.
    """

    undecided: int
    by_risk: list[tuple[RiskLevel, int]]
    first: list[Incident]
    mine: list[Incident]
    mine_in_all: int
    since: datetime | None
    received: int
    late: Shortened

    @property
    def is_quiet(self) -> bool:
        """Return whether nothing awaits the person."""
        return not (self.undecided or self.mine_in_all or self.received)


def work_of(actor: Actor) -> Work:
    """Return what awaits the acting person."""
    new = IncidentFilter(state=IncidentState.NEW, folded=True)
    undecided = count_undecided(actor)
    since = reading.last_visit(actor)
    late, more_late = late_arrivals(actor, _SHOWN_LATE)
    own = _own(actor, new)
    return Work(
        undecided=undecided,
        by_risk=_by_risk(actor) if undecided else [],
        first=IncidentList(actor, new, by_risk=True).page(size=_SHOWN).rows if undecided else [],
        mine=own.page(size=_SHOWN).rows if own else [],
        mine_in_all=own.count() if own else 0,
        since=since,
        received=_received(actor, since),
        late=Shortened(late, more_late),
    )


def _by_risk(actor: Actor) -> list[tuple[RiskLevel, int]]:
    """Count each level as the list narrowed to it does, in which repeats of its own are folded."""
    counted = []
    for level in reversed(RiskLevel):
        wanted = IncidentFilter(state=IncidentState.NEW, risk=level, folded=True)
        number = IncidentList(actor, wanted).count()
        if number:
            counted.append((level, number))
    return counted


def _received(actor: Actor, since: datetime | None) -> int:
    if since is None:
        return 0
    return IncidentList(actor, IncidentFilter(received_since=since, folded=True)).count()


def _own(actor: Actor, new: IncidentFilter) -> IncidentList | None:
    if actor.user_id is None:
        return None
    return IncidentList(
        actor,
        IncidentFilter(state=new.state, assignee_id=actor.user_id, folded=True),
        by_risk=True,
    )
