"""Compare lists, counts, searches and periodic work in a large database with those in a small one.

    .venv/bin/python -m bench.lists [--rows N …] [--postgresql | --server URL] [--only WORD …]
        [--keep FOLDER] [--json FILE] [--quick]

Fills a database of 1,000 rows of each table and one of each larger number (SQLite, or databases of
a PostgreSQL server: one of its own, which needs what the tests need, or that of the URL), asks each
for the same in turn, and prints CPU times in milliseconds and their ratio to the first. A time is
that of this process and of the server processes that work for it, the least of several. Kept
databases (`--keep`, or those of `--server`) are used again. Ends with status 1 if something takes
longer than it may.
"""

import argparse
import json
import logging
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from sqlalchemy import event, make_url, select

from bench.rows import fill
from vigint_web import create_app
from vigint_web.clock import utcnow
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import Incident, Role, Scope, User
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.keyset_pagination import SORTED_TOP
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.links.plays import forget_visitors
from vigint_web.services.notifications import sent_mails
from vigint_web.services.operations import health, metrics
from vigint_web.services.retention.purge import purge_due
from vigint_web.services.videos.late_files import copy_late_files
from vigint_web.services.videos.totals import stored_bytes

_FEW = 1000
_LISTS, _SEARCHES = 1.5, 2.0
_PASSWORD = "correct horse battery staple"  # noqa: S105 - of a database that is deleted
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
    "incidents, a risk": "/api/v1/incidents?risk=HIGH",
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
        began, served = time.process_time(), self._served()
        self.questions[name]()
        return 1000 * (time.process_time() - began) + self._served() - served

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
def _subject(rows: int, folder: Path, url: str | None) -> Iterator[Subject]:
    """Open the database of so many rows, filled if it is empty."""
    settings = {"VIGINT_DATA_DIR": str(folder), "VIGINT_BASE_URL": "http://localhost"}
    app = create_app(load_config(settings | ({"VIGINT_DATABASE_URL": url} if url else {})))
    subject = Subject(rows, app)
    with app.app_context():
        event.listen(db.engine, "connect", partial(_remember_server, subject))
        flask_migrate.upgrade()
        if db.session.scalar(select(Incident.id).limit(1)) is None:
            began = time.monotonic()
            fill(rows)
            print(f"{rows} rows: {time.monotonic() - began:.0f} s", file=sys.stderr)
        listed = IncidentList(SYSTEM, IncidentFilter(until=utcnow() - timedelta(days=180)))
        deep = listed.marks(SORTED_TOP, 1).rows[0]
        key = api_keys.create_api_key(SYSTEM, "reader", sites.default_site(), {Scope.READ})
        db.session.commit()
    for role in (Role.ADMIN, Role.OPERATOR):
        browser = _reader(app, role)
        pages = _PAGES | (_OF_ADMINISTRATORS if role == Role.ADMIN else {})
        for name, address in pages.items():
            question = partial(_read, browser, address.format(deep=deep), {})
            subject.questions[name, role.value] = question
    for name, address in _OF_PROGRAMS.items():
        question = partial(_read, app.test_client(), address, {"X-API-Key": key})
        subject.questions[name, "key"] = question
    for name, step in _steps().items():
        subject.questions[name, "–"] = partial(_run, app, step)
    yield subject
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _remember_server(subject: Subject, connection: Any, _record: Any) -> None:
    if isinstance(connection, psycopg.Connection):
        subject.servers.add(connection.info.backend_pid)
        # Its workers are further processes, whose time would be missing.
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.commit()


def _reader(app: Flask, role: Role) -> FlaskClient:
    """Return the browser of a user; an operator has the first site."""
    email = f"{role.value}@example.com"
    with app.app_context():
        if db.session.scalar(select(User.id).where(User.email == email)) is None:
            users.create_user(SYSTEM, email, _PASSWORD, role)
    browser = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/login").text)
    form = {"csrf_token": token and token[1], "email": email, "password": _PASSWORD}
    if browser.post("/login", data=form).status_code != 302:
        raise SystemExit("the login was refused")
    return browser


def _read(browser: FlaskClient, address: str, headers: dict[str, str]) -> None:
    answer = browser.get(address, headers=headers)
    if answer.status_code != 200:
        raise SystemExit(f"{address} was refused: {answer.status}")


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
        subjects = []
        for rows in [_FEW, *asked.rows]:
            url = _database(server, f"vigint_bench_{rows}") if server else None
            own = folder / f"{'postgresql' if server else 'sqlite'}-{rows}"
            own.mkdir(parents=True, exist_ok=True)
            subjects.append(stack.enter_context(_subject(rows, own, url)))
        yield subjects


def _database(server: str, name: str) -> str:
    """Return the address of a database of a server, made if it is missing."""
    with psycopg.connect(server, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if there.fetchone() is None:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _compare(subjects: list[Subject], only: list[str], repeats: int) -> dict[str, Any]:
    """Ask all in turn; print and return the figures by reader and name."""
    first, figures = subjects[0], {}
    heads = "".join(f"{subject.rows:>10}{'ratio':>7}" for subject in subjects[1:])
    print(f"{'':26}{'reader':10}{first.rows:>8}{heads}")
    for key in first.questions:
        name, reader = key
        if not any(part in f"{name}, {reader}" for part in only):
            continue
        for subject in subjects:
            subject.cost(key)  # fills caches
        times = [[subject.cost(key) for subject in subjects] for _ in range(repeats)]
        best = [min(column) for column in zip(*times, strict=True)]
        limit = _SEARCHES if "search" in name else _LISTS
        ratios = [value / best[0] for value in best[1:]]
        shown = "".join(
            f"{value:10.1f}{ratio:6.2f}{' ' if _is_within(value, best[0], limit) else '!'}"
            for value, ratio in zip(best[1:], ratios, strict=True)
        )
        print(f"{name:26}{reader:10}{best[0]:8.1f}{shown}", flush=True)
        figures[f"{name}, {reader}"] = {
            "ms": {
                str(subject.rows): round(v, 2) for subject, v in zip(subjects, best, strict=True)
            },
            "limit": limit,
            "within": all(_is_within(value, best[0], limit) for value in best[1:]),
        }
    return figures


def _is_within(value: float, least: float, limit: float) -> bool:
    # A millisecond is less than what such a measurement varies by.
    return value <= least * limit + 1


def main() -> None:
    """Fill, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--server", help="address of a PostgreSQL server to use, and to keep")
    parser.add_argument("--only", nargs="+", default=[""], help="what has one of these in its name")
    parser.add_argument("--keep", type=Path, help="folder of databases to use again")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--quick", action="store_true", help="2,000 rows, once: proves that it runs"
    )
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.repeats = [2 * _FEW], 1
    logging.disable(logging.WARNING)
    with _databases(asked) as subjects:
        with subjects[0].app.app_context():
            database = db.engine.dialect.name
        print(f"CPU ms, {database}; ! marks what exceeds its limit\n")
        figures = _compare(subjects, asked.only, asked.repeats)
    if asked.json:
        asked.json.write_text(json.dumps({"database": database, "figures": figures}, indent=2))
    if not asked.quick and not all(figure["within"] for figure in figures.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
