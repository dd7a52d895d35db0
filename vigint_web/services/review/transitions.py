"""State which decisions follow which."""

from vigint_web.models import ActKind, IncidentState

_NEXT: dict[IncidentState, frozenset[IncidentState]] = {
    IncidentState.NEW: frozenset(
        {IncidentState.CONFIRMED, IncidentState.FALSE_ALARM, IncidentState.CLOSED}
    ),
    IncidentState.CONFIRMED: frozenset({IncidentState.CLOSED, IncidentState.NEW}),
    IncidentState.FALSE_ALARM: frozenset({IncidentState.NEW}),
    IncidentState.CLOSED: frozenset({IncidentState.NEW}),
}

_ACTS: dict[IncidentState, ActKind] = {
    IncidentState.NEW: ActKind.REOPENED,
    IncidentState.CONFIRMED: ActKind.CONFIRMED,
    IncidentState.FALSE_ALARM: ActKind.FALSE_ALARM,
    IncidentState.CLOSED: ActKind.CLOSED,
}


def may_follow(state: IncidentState, wanted: IncidentState) -> bool:
    """Return whether a decision may lead from a state to another."""
    return wanted in _NEXT[state]


def act_of(wanted: IncidentState) -> ActKind:
    """Return the act that leads to a state."""
    return _ACTS[wanted]
