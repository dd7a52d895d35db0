"""Compare the pages of incidents with 100,000 of them with the same pages with 1,000.

    .venv/bin/python -m bench.incident_pages [--rows N] [--tests N] [--database URL --other URL]

Fills two databases of its own (SQLite in temporary folders, or the two empty PostgreSQL databases
of the URLs), then prints, for each page and reader, the CPU time of this process and the ratio. The
time that PostgreSQL itself takes is part of the elapsed time, which is printed too. Times are the
fastest of several, in milliseconds. With `--tests`, that many test alerts are added to the larger
database, half of them among the incidents, half after the last one, and 1 in 100 of them to the
other.
"""

import argparse
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import flask_migrate
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, text

from vigint_web import create_app
from vigint_web.clock import utcnow
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentState, RiskLevel, Role, Scope
from vigint_web.services.accounts import api_keys, cameras, sites, users
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.keyset_pagination import SORTED_TOP
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.reports.counts import count_again

_BATCH = 5000
_REPEATS = 7
_SITES = 5
_FEW = 1000
_PASSWORD = "correct horse battery staple"  # noqa: S105 - of a database that is deleted
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
    with db.engine.connect() as connection:
        if db.engine.dialect.name == "postgresql":
            automatic = connection.execution_options(isolation_level="AUTOCOMMIT")
            automatic.execute(text("VACUUM ANALYZE"))


def _reader(app: Flask, role: Role) -> FlaskClient:
    """Return the browser of a new user; an operator has the first site."""
    email = f"{role.value}@example.com"
    with app.app_context(), transaction():
        # Home counts what arrived since then.
        user = users.create_user(SYSTEM, email, _PASSWORD, role)
        user.list_seen_at = utcnow() - timedelta(days=1)
    browser = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/login").text)
    form = {"csrf_token": token and token[1], "email": email, "password": _PASSWORD}
    if browser.post("/login", data=form).status_code != 302:
        raise SystemExit("the login was refused")
    return browser


def _best(ask: Callable[[], Any]) -> tuple[float, float]:
    """Return the shortest CPU time and elapsed time of several runs, in milliseconds."""
    busy, elapsed = [], []
    for _ in range(_REPEATS):
        began, clock = time.process_time(), time.perf_counter()
        answer = ask()
        busy.append(1000 * (time.process_time() - began))
        elapsed.append(1000 * (time.perf_counter() - clock))
        if answer.status_code != 200:
            raise SystemExit(f"a page was refused: {answer.status}")
    return min(busy), min(elapsed)


def _measure(total: int, tests: int, url: str | None) -> dict[tuple[str, str], tuple[float, float]]:
    """Fill a database; return the times by page and reader."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"VIGINT_DATA_DIR": folder, "VIGINT_BASE_URL": "http://localhost"}
        app = create_app(load_config(settings | ({"VIGINT_DATABASE_URL": url} if url else {})))
        with app.app_context():
            flask_migrate.upgrade()
            _fill(total, tests)
            listed = IncidentList(SYSTEM, IncidentFilter())
            halfway = IncidentFilter(until=utcnow() - timedelta(minutes=5 * total // 2))
            deep = IncidentList(SYSTEM, halfway).marks(SORTED_TOP, 1).rows[0]
            key = api_keys.create_api_key(SYSTEM, "reader", sites.default_site(), {Scope.READ})
            if listed.count() < min(total, 1000):
                raise SystemExit("the database was not filled")
        readers = {role.value: _reader(app, role) for role in (Role.ADMIN, Role.OPERATOR)}
        found = {
            (name, who): _best(partial(browser.get, address.format(deep=deep, since=total - 50)))
            for who, browser in readers.items()
            for name, address in _PAGES.items()
        }
        program, given = app.test_client(), {"X-API-Key": key}
        for name, address in _OF_PROGRAMS.items():
            found[name, "key"] = _best(partial(program.get, address, headers=given))
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        return found


def main() -> None:
    """Fill both databases, measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--tests", type=int, default=0)
    parser.add_argument("--database", help="of an empty PostgreSQL database; SQLite otherwise")
    parser.add_argument("--other", help="of another one, for the 1,000 incidents")
    asked = parser.parse_args()
    few = _measure(_FEW, asked.tests // 100, asked.other)
    many = _measure(asked.rows, asked.tests, asked.database)
    head = f"with {asked.rows}"
    print(f"{'page':12}{'reader':10}{'CPU ms':>8}{head:>12}{'ratio':>8}{'elapsed':>9}")
    for (name, who), (busy, elapsed) in few.items():
        busy_many, elapsed_many = many[name, who]
        print(
            f"{name:12}{who:10}{busy:8.1f}{busy_many:12.1f}{busy_many / busy:7.2f}x"
            f"{elapsed_many / elapsed:8.2f}x"
        )


if __name__ == "__main__":
    main()
