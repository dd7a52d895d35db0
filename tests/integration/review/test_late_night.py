"""A night that arrives late and out of order is told as it was, and nothing is overlooked."""

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.helpers import Clock, Person, post_incident, renew
from tests.library import ACTOR
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, Role
from vigint_web.services.accounts import sites
from vigint_web.services.core.keyset_pagination import SORTED_TOP
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.arrivals import find_arrivals, newest_id
from vigint_web.services.incidents.late_arrivals import late_arrivals
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList, next_undecided
from vigint_web.services.logbook.nights import Hours, Night, night_of
from vigint_web.services.logbook.reading import read_night
from vigint_web.services.reports.counts import count_changed
from vigint_web.services.reports.numbers import Period, numbers
from vigint_web.services.reports.work import work_of
from vigint_web.services.review.decisions import decide

pytestmark = pytest.mark.both_databases(reason="orders, indexes and sums of a whole night")

_ZONE = ZoneInfo("Europe/Paris")
_SEED = 20_261_201
_NEW = IncidentState.NEW


@dataclass(frozen=True)
class _Told:
    """An incident of the night: when it was detected, and when it arrived."""

    detected: datetime
    received: datetime
    risk: str
    camera: str

    @property
    def is_late(self) -> bool:
        return self.received - self.detected > timedelta(minutes=15)


def _night_of(number: int, night: Night) -> list[_Told]:
    """Return incidents in the order of their arrival: some late, some by a fast clock."""
    chance, told = random.Random(_SEED), []
    seconds = int((night.end - night.begin).total_seconds()) - 60
    for n in range(number):
        detected = night.begin + timedelta(seconds=chance.randrange(seconds))
        delay: float = chance.randrange(1, 60)
        if n % 3 == 0:  # the line was down
            delay = chance.randrange(20 * 60, 5 * 3600)
        elif n % 17 == 0:  # the detector's clock is fast
            delay = -chance.randrange(60, 1800)
            detected += timedelta(seconds=-delay)
        risk = chance.choice(["LOW", "MEDIUM", "HIGH", "CRITICAL", "unsure"])
        received = detected + timedelta(seconds=delay)
        told.append(_Told(detected, received, risk, f"cam {chance.randrange(12)}"))
    return sorted(told, key=lambda one: one.received)


@pytest.mark.parametrize("number", [45, pytest.param(300, marks=pytest.mark.campaign)])
def test_a_night_that_arrives_out_of_order(
    client: FlaskClient,
    api_key: str,
    clock: Clock,
    people: Callable[[Role], Person],
    number: int,
) -> None:
    night = night_of(utcnow().astimezone(_ZONE).date() + timedelta(days=1), Hours(), _ZONE)
    night_told = _night_of(number, night)
    with transaction():
        sites.default_site().cooldown_seconds = 1200  # so that some are repeats
    opened_at, listed_at, late = newest_id(ACTOR), {}, []
    for one in night_told:
        clock.forward(seconds=(one.received - utcnow()).total_seconds())
        facts = {
            "incident_type": "Intrusion", "camera": one.camera, "risk_level": one.risk,
            "detected_at": one.detected.isoformat(),
        }  # fmt: skip
        posted = post_incident(client, api_key, {"message": "m", "incident_data": facts})
        reference = posted["reference"]
        renew()
        row = db.session.scalars(select(Incident).where(Incident.reference == reference)).one()
        listed_at[reference] = (min(one.detected, row.created_at), row.id)
        assert abs(row.created_at - one.received) < timedelta(seconds=1)
        if one.is_late:
            late.append(reference)
            assert late_arrivals(ACTOR, 1)[0][0].reference == reference, "the block has it first"
    in_order = sorted(listed_at, key=lambda name: listed_at[name], reverse=True)
    assert in_order != [*reversed(listed_at)], "nothing was out of order"
    clock.forward(hours=6)

    _list_is(in_order, people(Role.OPERATOR))
    rows = IncidentList(ACTOR, IncidentFilter(folded=True)).page(SORTED_TOP, number).rows
    assert find_arrivals(ACTOR, IncidentFilter(folded=True), opened_at).number == len(rows)

    work = work_of(ACTOR)
    assert work.undecided == len(rows)
    some, more = late_arrivals(ACTOR, 5)
    assert [one.reference for one in some] == late[::-1][:5]
    assert len(some) + more == len(late)
    assert len(work.late.items) + work.late.more == len(late)

    _counts_are(night, [moment for moment, _id in listed_at.values()])

    log = read_night(ACTOR, sites.default_site(), night)
    assert [entry.reference for entry in log.entries] == in_order[::-1]
    assert (log.earlier, log.more) == ((), 0)

    _all_are_decided_by_walking(in_order[0], number)


def _list_is(in_order: list[str], operator: Person) -> None:
    """Compare all pages of the list, as a person turns them, with the night; with its repeats."""
    found: list[str] = []
    address: str | None = "/incidents/"
    while address is not None:
        page = operator.browser.get(address).text
        found += re.findall(r'<li class="inbox-row[^>]* data-part="([^"]+)"', page)
        onward = re.search(r'href="([^"]+)"[^>]*rel="next"|rel="next"[^>]* href="([^"]+)"', page)
        address = (onward[1] or onward[2]).replace("&amp;", "&") if onward else None
    rows = db.session.execute(select(Incident.reference, Incident.grouped_under_id)).all()
    repeats = {row.reference for row in rows if row.grouped_under_id is not None}
    assert repeats
    assert found == [name for name in in_order if name not in repeats]
    listed = IncidentList(ACTOR, IncidentFilter())
    assert [one.reference for one in listed.page(SORTED_TOP, len(in_order)).rows] == in_order


def _counts_are(night: Night, moments: list[datetime]) -> None:
    while count_changed():
        pass
    counted = numbers(ACTOR, Period(night.day, night.day + timedelta(days=1)))
    local = [moment.astimezone(_ZONE) for moment in moments]
    assert counted.total.incidents == len(moments)
    hours = Counter(moment.hour for moment in local)
    assert {row.value: row.counts.incidents for row in counted.hours} == {
        hour: hours[hour] for hour in range(24)
    }
    days = Counter(moment.date() for moment in local)
    assert {row.value: row.counts.incidents for row in counted.spans} == dict(days)
    assert all(moment.astimezone(UTC) >= night.begin for moment in moments)


def _all_are_decided_by_walking(first: str, number: int) -> None:
    """Decide from one incident to the next, as the page leads, until it leads nowhere."""
    wanted, reference, walked = IncidentFilter(folded=True), first, 0
    onward: str | None = reference
    while onward is not None:
        incident = db.session.scalars(select(Incident).where(Incident.reference == onward)).one()
        following = next_undecided(ACTOR, wanted, incident)
        decide(
            ACTOR, onward, IncidentState.FALSE_ALARM, seen=_NEW, reason="animal", with_repeats=True
        )
        walked += 1
        onward = following
    assert IncidentList(ACTOR, IncidentFilter(state=_NEW)).count() == 0
    assert work_of(ACTOR).undecided == 0
    assert late_arrivals(ACTOR) == ([], 0)
    assert walked <= number
