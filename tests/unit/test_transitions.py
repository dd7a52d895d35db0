"""Which decisions follow which."""

from itertools import product

import pytest

from vigint_web.models import IncidentState
from vigint_web.services.review.transitions import act_of, may_follow

NEW, CONFIRMED = IncidentState.NEW, IncidentState.CONFIRMED
FALSE_ALARM, CLOSED = IncidentState.FALSE_ALARM, IncidentState.CLOSED


@pytest.mark.parametrize(("state", "wanted"), list(product(IncidentState, IncidentState)))
def test_only_these_follow(state: IncidentState, wanted: IncidentState) -> None:
    allowed = {
        (NEW, CONFIRMED),
        (NEW, FALSE_ALARM),
        (NEW, CLOSED),
        (CONFIRMED, CLOSED),
        (CONFIRMED, NEW),
        (FALSE_ALARM, NEW),
        (CLOSED, NEW),
    }
    assert may_follow(state, wanted) == ((state, wanted) in allowed)


def test_every_state_has_an_act_of_its_own() -> None:
    assert len({act_of(state) for state in IncidentState}) == len(IncidentState)
