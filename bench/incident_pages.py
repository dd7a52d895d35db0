"""Pages of incidents with 100,000 of them, against the same pages with 1,000.

Fills two databases of its own (SQLite in temporary folders, or the two empty PostgreSQL databases
of the URLs) and asks both for the same in turn. CPU time is that of this process; the elapsed time,
shown for PostgreSQL, has that of the server too. With `--tests`, that many test alerts are added to
the larger database, half of them among the incidents, half after the last one, and 1 in 100 of them
to the other.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from bench.databases import (
    add_database_options,
    cpu_ms,
    gather_statistics,
    migrated,
    read,
    signed_in,
)
from bench.measuring import BenchmarkError, Comparison, in_turns
from vigint_web.clock import utcnow
from vigint_web.models import Incident, IncidentState, RiskLevel, Role, Scope, User
from vigint_web.services.accounts import api_keys, cameras, sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.keyset_pagination import SORTED_TOP
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.reports.counts import count_again

_BATCH = 5000
_REPEATS = 7
_SITES = 5
_FEW = 1000
_QUICK = 2000
_LIMIT = 1.5
_SLACK = 1.0  # milliseconds: less than what such a measurement varies by
# `deep` is the middle of the list.
_PAGES = {
    "inbox": "/incidents/",
    "nothing new": "/incidents/arrivals?upto=2147483647",
    "50 new ones": "/incidents/arrivals?state=new&upto={since}",
    "to decide": "/incidents/?state=new",
    "a camera": "/incidents/?camera=1",
    "a risk": "/incidents/?risk=HIGH",
    "by risk": "/incidents/?sort=risk",
    "to decide by risk": "/incidents/?state=new&sort=risk",
    "a type": "/incidents/?type=Theft",
    "beside": "/incidents/INC-2026-000900/?state=new",
    "deep": "/incidents/?before={deep}",
    "tests": "/incidents/?tests=1",
    "home": "/",
    "numbers": "/incidents/numbers/",
    "90 days": "/incidents/numbers/?days=90",
}
_OF_PROGRAMS = {
    "list": "/api/v1/incidents",
    "longest": "/api/v1/incidents?limit=200",
    "new ones": "/api/v1/incidents?state=new",
    "test alerts": "/api/v1/incidents?test=true",
}


def _rows(numbers: range, total: int) -> Iterator[dict[str, Any]]:
    dice, now = random.Random(numbers.start), utcnow()
    for number in numbers:
        detected = now - timedelta(minutes=5 * (total - number))
        undecided = total - number < _FEW // 4
        yield {
            "id": number,
            "reference": f"INC-2026-{number:06d}",
            "site_id": 1 + number % _SITES,
            "camera_id": 1 + number % (4 * _SITES),
            "body_sha256": "0" * 64,
            "message": "Somebody climbed over the fence at the loading dock.",
            "incident_type": dice.choice(["Intrusion", "Theft", "Fall"]),
            "risk_level": dice.choice(list(RiskLevel)),
            "detected_at": detected,
            "created_at": detected + timedelta(seconds=dice.choice([2, 3, 4000])),
            "link_hours": 48,
            "analysis": "",
            "extra": {},
            "warnings": [],
            "frames_received": 0,
            "zone_assumed": False,
            "state": IncidentState.NEW if undecided else IncidentState.CLOSED,
            "is_test": False,
            **_judged(dice, detected, undecided=undecided),
        }


def _judged(dice: random.Random, detected: datetime, *, undecided: bool) -> dict[str, Any]:
    if undecided:
        return {"decision": None, "decided_at": None, "decided_by": None}
    decided = detected + timedelta(seconds=dice.lognormvariate(6, 1.5))
    decision = dice.choice([IncidentState.CONFIRMED, IncidentState.FALSE_ALARM])
    return {"decision": decision, "decided_at": decided, "decided_by": "somebody@example.com"}


def _tests(total: int, tests: int) -> Iterator[dict[str, Any]]:
    """Return test alerts: half of them among the incidents, half of the last hour."""
    now = utcnow()
    for number, row in enumerate(_rows(range(total + 1, total + tests + 1), total + tests)):
        among = timedelta(minutes=5 * total * number // tests)
        detected = now - (among if number % 2 else timedelta(seconds=3600 * number // tests))
        moments = {"detected_at": detected, "created_at": detected + timedelta(seconds=2)}
        judged = _judged(random.Random(number), detected, undecided=True)
        yield {**row, **moments, **judged, "is_test": True, "state": IncidentState.NEW}


def _fill(total: int, tests: int) -> None:
    own = [sites.default_site(), *(sites.get_or_add_site(f"site {n}") for n in range(1, _SITES))]
    for number in range(4 * _SITES):
        cameras.camera_of(own[number % _SITES].id, f"Camera {number}")
    for start in range(1, total + 1, _BATCH):
        with transaction() as session:
            numbers = range(start, min(start + _BATCH, total + 1))
            session.execute(insert(Incident), list(_rows(numbers, total)))
    added = list(_tests(total, tests))
    for start in range(0, tests, _BATCH):
        with transaction() as session:
            session.execute(insert(Incident), added[start : start + _BATCH])
    last = 0
    while (last := count_again(last)) > 0:
        pass
    gather_statistics()


@contextmanager
def _questions(
    total: int, tests: int, folder: Path, url: str | None, roles: Sequence[Role]
) -> Iterator[dict[str, Callable[[], None]]]:
    """Fill a database; yield what is asked of it, by page and reader."""
    with migrated(folder, url) as app:
        with app.app_context():
            _fill(total, tests)
            halfway = IncidentFilter(until=utcnow() - timedelta(minutes=5 * total // 2))
            deep = IncidentList(SYSTEM, halfway).marks(SORTED_TOP, 1).rows[0]
            key = api_keys.create_api_key(SYSTEM, "reader", sites.default_site(), {Scope.READ})
            if IncidentList(SYSTEM, IncidentFilter()).count() < min(total, 1000):
                raise BenchmarkError("the database was not filled")
        questions: dict[str, Callable[[], None]] = {}
        for role in roles:
            browser = signed_in(app, role)
            for name, address in _PAGES.items():
                asked = address.format(deep=deep, since=total - 50)
                questions[f"{name}, {role.value}"] = partial(read, browser, asked)
        with app.app_context(), transaction() as session:
            # Home counts what arrived since then.
            session.execute(update(User).values(list_seen_at=utcnow() - timedelta(days=1)))
        program = app.test_client()
        for name, address in _OF_PROGRAMS.items():
            questions[f"{name}, key"] = partial(read, program, address, {"X-API-Key": key})
        yield questions


def _times(ask: Callable[[], None]) -> tuple[float, float]:
    """Return the CPU time of this process and the elapsed time, in milliseconds."""
    clock = time.perf_counter()
    busy = cpu_ms(ask)
    return busy, 1000 * (time.perf_counter() - clock)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of this benchmark."""
    add_database_options(parser)
    parser.add_argument("--tests", type=int, default=0, help="number of test alerts")
    parser.add_argument("--other", help="URL of another one, for the 1,000 incidents")


def run(asked: argparse.Namespace) -> Iterator[Comparison]:
    """Fill both databases and ask them in turn."""
    rows, rounds, warm_up = (_QUICK, 1, 0) if asked.quick else (asked.rows, _REPEATS, 1)
    # The pages are the same for both.
    roles = (Role.ADMIN,) if asked.quick else (Role.ADMIN, Role.OPERATOR)
    if asked.database and not asked.other:
        raise BenchmarkError("--database needs --other, for the 1,000 incidents")
    with (
        tempfile.TemporaryDirectory() as folder,
        _questions(_FEW, asked.tests // 100, Path(folder) / "few", asked.other, roles) as few,
        _questions(rows, asked.tests, Path(folder) / "many", asked.database, roles) as many,
    ):
        for name in few:
            turns = {"few": partial(_times, few[name]), "many": partial(_times, many[name])}
            found = in_turns(turns, rounds, warm_up=warm_up)
            busy, elapsed = (
                {size: [one[at] for one in times] for size, times in found.items()} for at in (0, 1)
            )
            yield Comparison(name, "ms CPU", busy["many"], busy["few"], _LIMIT, _SLACK)
            if asked.database:
                yield Comparison(name, "ms", elapsed["many"], elapsed["few"])
