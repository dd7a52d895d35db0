"""Lists, counts, searches and periodic work in a large database, against a small one.

Fills a database of 1,000 rows of each table and one of each larger number (SQLite, or databases of
a PostgreSQL server: one of its own, which needs what the tests need, or that of the URL) and asks
each for the same in turn. A time is that of this process and of the server processes that work for
it. Kept databases (`--keep`, or those of `--server`) are used again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from prometheus_client import generate_latest
from sqlalchemy import event, make_url, select

from bench.databases import cpu_ms, migrated, read, signed_in
from bench.measuring import Comparison, in_turns
from bench.rows import fill
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Incident, Role, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.keyset_pagination import SORTED_TOP
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.links.plays import forget_visitors
from vigint_web.services.notifications import sent_mails
from vigint_web.services.operations import health, metrics
from vigint_web.services.retention.purge import purge_due
from vigint_web.services.videos.late_files import copy_late_files
from vigint_web.services.videos.totals import stored_bytes

_FEW, _FEW_QUICK = 1000, 200
_LISTS, _SEARCHES = 1.5, 2.0
_SLACK = 1.0  # milliseconds: less than what such a measurement varies by
_SITE = "/incidents/?site=1"
# `deep` is the middle of the list.
_PAGES = {
    "home": "/",
    "inbox": "/incidents/",
    "inbox, deep": "/incidents/?before={deep}",
    "to decide": "/incidents/?state=new",
    "confirmed": "/incidents/?state=confirmed",
    "closed": "/incidents/?state=closed",
    "a risk": "/incidents/?risk=HIGH",
    "by risk": "/incidents/?sort=risk",
    "to decide by risk": "/incidents/?state=new&sort=risk",
    "a type": "/incidents/?type=Theft",
    "a type and a risk": "/incidents/?type=Theft&risk=LOW",
    "a site": "/incidents/?site=1",
    "a camera": "/incidents/?camera=1",
    "mine": "/incidents/?mine=1",
    "to decide, mine": "/incidents/?state=new&mine=1",
    "last night": "/incidents/?night=1",
    "since a day": "/incidents/?from=2026-06-01&to=2026-06-30",
    "test alerts": "/incidents/?tests=1",
    "search": "/incidents/?q=cellar",
    "search, rare": "/incidents/?q=INC-2026-777",
    "search, nothing": "/incidents/?q=zzzz",
    "numbers": "/incidents/numbers/",
    "numbers, 90 days": "/incidents/numbers/?days=90",
    "sites": "/sites/",
    "cameras": "/cameras/",
    "sources": "/source-management/",
    "links": "/links/",
    "links, live": "/links/?state=live",
    "links, expired": "/links/?state=expired",
    "links, revoked": "/links/?state=revoked",
    "links, used up": "/links/?state=used_up",
    "links, search": "/links/?q=cellar",
    "links, search, rare": "/links/?q=person3@",
    "links, search, nothing": "/links/?q=zzzz",
    "account": "/account",
}
_OF_ADMINISTRATORS = {
    "outbox": "/outbox/",
    "outbox, search": "/outbox/?q=person3@",
    "outbox, search, nothing": "/outbox/?q=zzzz",
}
_OF_PROGRAMS = {
    "incidents": "/api/v1/incidents",
    "incidents, 200": "/api/v1/incidents?limit=200",
    "incidents, new": "/api/v1/incidents?state=new",
    "incidents, tests": "/api/v1/incidents?test=true",
    "links": "/api/v1/links",
    "links, revoked": "/api/v1/links?state=revoked",
    "sources": "/api/v1/sources",
}


@dataclass
class Subject:
    """A database of so many rows, its application, and what can be asked of it."""

    rows: int
    app: Flask
    # By name and reader.
    questions: dict[tuple[str, str], Callable[[], Any]] = field(default_factory=dict)
    servers: set[int] = field(default_factory=set)

    def cost(self, name: tuple[str, str]) -> float:
        """Ask once; return the CPU time of it, in milliseconds."""
        served = self._served()
        return cpu_ms(self.questions[name]) + self._served() - served

    def _served(self) -> float:
        """Return the CPU time of the server's processes that have worked for this one."""
        files = (Path(f"/proc/{number}/schedstat") for number in self.servers)
        return sum(int(file.read_text().split()[0]) for file in files if file.exists()) / 1e6


def _steps() -> dict[str, Callable[[], Any]]:
    """Return the work that the scheduler and health checks repeat, when there is nothing to do."""
    return {
        "purge, nothing due": partial(purge_due, 60),
        "visitors, nothing due": partial(forget_visitors, 31),
        "late files, one step": copy_late_files,
        "mails to delete": partial(sent_mails.count_mails_before, utcnow() - timedelta(days=999)),
        "health: mails": health._mails,
        "size of footage": stored_bytes,
        "metrics": lambda: generate_latest(metrics.registry()),
    }


@contextmanager
def _subject(rows: int, folder: Path, url: str | None, roles: Sequence[Role]) -> Iterator[Subject]:
    """Open the database of so many rows, filled if it is empty."""
    with migrated(folder, url) as app:
        subject = Subject(rows, app)
        with app.app_context():
            event.listen(db.engine, "connect", partial(_remember_server, subject))
            db.engine.dispose()
            deep, key = _filled(rows)
        _ask_of(subject, deep, key, roles)
        yield subject


def _filled(rows: int) -> tuple[str, str]:
    """Fill a database if it is empty; return the middle of the list of incidents and a key."""
    if db.session.scalar(select(Incident.id).limit(1)) is None:
        began = time.monotonic()
        fill(rows)
        print(f"{rows} rows: {time.monotonic() - began:.0f} s", file=sys.stderr)
    listed = IncidentList(SYSTEM, IncidentFilter(until=utcnow() - timedelta(days=180)))
    deep = listed.marks(SORTED_TOP, 1).rows[0]
    key = api_keys.create_api_key(SYSTEM, "reader", sites.default_site(), {Scope.READ})
    db.session.commit()
    return str(deep), key


def _ask_of(subject: Subject, deep: str, key: str, roles: Sequence[Role]) -> None:
    """Add everything that is asked."""
    app = subject.app
    for role in roles:
        browser = signed_in(app, role)
        pages = _PAGES | (_OF_ADMINISTRATORS if role == Role.ADMIN else {})
        for name, address in pages.items():
            question = partial(read, browser, address.format(deep=deep))
            subject.questions[name, role.value] = question
    for name, address in _OF_PROGRAMS.items():
        question = partial(read, app.test_client(), address, {"X-API-Key": key})
        subject.questions[name, "key"] = question
    for name, step in _steps().items():
        subject.questions[name, "–"] = partial(_run, app, step)


def _remember_server(subject: Subject, connection: Any, _record: Any) -> None:
    if isinstance(connection, psycopg.Connection):
        subject.servers.add(connection.info.backend_pid)
        # Its workers are further processes, whose time would be missing.
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.commit()


def _run(app: Flask, step: Callable[[], Any]) -> None:
    with app.app_context():
        step()
        db.session.remove()


@contextmanager
def _databases(asked: argparse.Namespace) -> Iterator[list[Subject]]:
    """Open all of the databases asked for."""
    with ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = asked.server
        if asked.postgresql and server is None:
            from tests.postgresql import postgresql

            server = stack.enter_context(postgresql()).url("postgres")
        # The pages are the same for both.
        roles = (Role.ADMIN,) if asked.quick else (Role.ADMIN, Role.OPERATOR)
        subjects = []
        for rows in [_FEW_QUICK, 2 * _FEW_QUICK] if asked.quick else [_FEW, *asked.rows]:
            url = _database(server, f"vigint_bench_{rows}") if server else None
            own = folder / f"{'postgresql' if server else 'sqlite'}-{rows}"
            own.mkdir(parents=True, exist_ok=True)
            subjects.append(stack.enter_context(_subject(rows, own, url, roles)))
        yield subjects


def _database(server: str, name: str) -> str:
    """Return the address of a database of a server, made if it is missing."""
    with psycopg.connect(server, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if there.fetchone() is None:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _compare(
    subjects: list[Subject], only: list[str], repeats: int, *, warm_up: int
) -> Iterator[Comparison]:
    """Ask all in turn, one question after the other."""
    first = subjects[0]
    for key in first.questions:
        name, reader = key
        if not any(part in f"{name}, {reader}" for part in only):
            continue
        turns = {str(subject.rows): partial(subject.cost, key) for subject in subjects}
        found = in_turns(turns, repeats, warm_up=warm_up)
        peer = found.pop(str(first.rows))
        limit = _SEARCHES if "search" in name else _LISTS
        for rows, times in found.items():
            called = f"{name}, {reader}" + (f", {rows}" if len(found) > 1 else "")
            yield Comparison(called, "ms CPU", times, peer, limit, _SLACK)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--server", help="address of a PostgreSQL server to use, and to keep")
    parser.add_argument("--only", nargs="+", default=[""], help="what has one of these in its name")
    parser.add_argument("--keep", type=Path, help="folder of databases to use again")
    parser.add_argument("--repeats", type=int, default=7)


def run(asked: argparse.Namespace) -> Iterator[Comparison]:
    """Fill and compare."""
    repeats, warm_up = (1, 0) if asked.quick else (asked.repeats, 1)
    with _databases(asked) as subjects:
        yield from _compare(subjects, asked.only, repeats, warm_up=warm_up)
