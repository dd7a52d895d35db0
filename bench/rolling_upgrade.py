"""Upgrade an installation of 100,000 videos while the version before is at work.

    .venv/bin/python -m bench.rolling_upgrade [--rows N] [--postgresql] [--before COMMIT]

Checks the earlier commit out beside this one and creates an installation with it: queue server,
web, two workers, scheduler, a mail server, and videos with all their files. Clients post incidents,
upload clips, read ranges, revoke links and open lists without a pause while this version migrates
the database, starts beside the other on the same socket, and replaces it. Afterwards the periodic
tasks run to their end, and everything is counted. Ends with status 1 if an answer failed, or if an
incident, a mail, a file or a row is missing; prints the longest answer of each phase.
"""

import argparse
import os
import secrets
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine

from bench.rolling.clients import Load
from bench.rolling.earlier_rows import fill
from bench.rolling.outcome import Outcome
from bench.rolling.processes import ROOT, Version, checkout, stop_all
from tests.functional.installation import clean_environment
from tests.functional.processes import wait_until
from tests.functional.web import request
from tests.helpers import Footage
from tests.post_office import Postbox, PostOffice
from tests.postgresql import postgresql
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db

# The last commit without `video_files`, at revision 0020.
_BEFORE = "6b183d9"
_ADMIN = "admin@example.com"
_SECONDS = {"before": 25, "migrated": 15, "both": 40, "after": 20}
_PATIENCE = 600.0


def main() -> None:
    """Upgrade, check, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--postgresql", action="store_true", help="in a server of its own")
    parser.add_argument("--before", default=_BEFORE, help="the commit of the version before")
    parser.add_argument("--folder", type=Path, help="where the data is; a temporary one otherwise")
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=asked.folder)))
        more = {}
        if asked.postgresql:
            server = stack.enter_context(postgresql())
            more["VIGINT_DATABASE_URL"] = server.create("rolling")
        code = stack.enter_context(checkout(asked.before, folder / "earlier"))
        postbox, mail = stack.enter_context(_post_office())
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
        environment = clean_environment(
            folder / "data", **more, **mail,
            VIGINT_BASE_URL=f"http://127.0.0.1:{listener.getsockname()[1]}",
            VIGINT_SMTP_TO="garde@example.com", VIGINT_ALERT_COOLDOWN_SECONDS="0",
        )  # fmt: skip
        earlier = Version("the version before", code, environment, listener, folder / "earlier.log")
        newer = Version("this version", ROOT, environment, listener, folder / "newer.log")
        stack.callback(stop_all, [newer, earlier])
        failed = _upgrade(earlier, newer, environment, postbox, asked.rows)
    raise SystemExit(1 if failed else 0)


@contextmanager
def _post_office() -> Iterator[tuple[Postbox, dict[str, str]]]:
    postbox = Postbox()
    office = PostOffice(postbox)
    office.open()
    try:
        yield postbox, {
            "VIGINT_SMTP_SERVER": "127.0.0.1", "VIGINT_SMTP_PORT": str(office.port),
            "VIGINT_SMTP_FROM": "vigint@example.com", "VIGINT_SMTP_USE_TLS": "false",
        }  # fmt: skip
    finally:
        office.close()


def _upgrade(
    earlier: Version, newer: Version, environment: dict[str, str], postbox: Postbox, rows: int
) -> bool:
    """Go through all phases; return whether something is wrong."""
    password = secrets.token_urlsafe(12)
    data_dir = Path(environment["VIGINT_DATA_DIR"])
    data_dir.mkdir(mode=0o700)
    earlier.command("migrate")
    earlier.command("create-user", _ADMIN, "--role", "admin", "--password-stdin", given=password)
    api_key = earlier.command("create-api-key", "detector", "--scope", "ingest").strip()
    engine = _engine(environment)
    footage = Footage(data_dir.parent)
    clip = footage.clip("rolling.mp4", seconds=2, size="160x120").read_bytes()
    began = time.monotonic()
    keys = fill(engine, data_dir / "media", rows, os.urandom(700))
    print(
        f"{rows} videos with {len(keys)} files, {engine.dialect.name}"
        f" ({time.monotonic() - began:.0f} s)"
    )
    url = environment["VIGINT_BASE_URL"]
    earlier.start_queue()
    earlier.start()
    _wait_until_ready(earlier, url)
    load = Load(
        url, api_key, _ADMIN, password, engine, footage.frames(3, size="160x120"), clip
    )  # fmt: skip
    load.begin()
    try:
        _go_on(load, "before", earlier)
        load.phase = "migration"
        began = time.monotonic()
        newer.command("migrate")
        print(f"migration: {time.monotonic() - began:.1f} s")
        _go_on(load, "migrated", earlier)
        newer.start()
        _go_on(load, "both", earlier, newer)
        load.phase = "stopping"
        earlier.stop()
        _go_on(load, "after", newer)
    finally:
        load.end()
    outcome = Outcome(load, engine, _mails(postbox))
    outcome.wait(_PATIENCE)
    stop_all([newer, earlier])
    app = create_app(load_config(environment))
    with app.app_context():
        outcome.settle(keys, data_dir / "media")
        db.session.remove()
        db.engine.dispose()
    outcome.read_logs({"before": earlier.log, "after": newer.log})
    engine.dispose()
    return outcome.report()


def _engine(environment: dict[str, str]) -> Engine:
    url = environment.get("VIGINT_DATABASE_URL")
    if url is None:
        path = Path(environment["VIGINT_DATA_DIR"]) / "vigint.sqlite3"
        return create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def _wait_until_ready(version: Version, url: str) -> None:
    def ready() -> bool:
        version.check()
        return request(f"{url}/readyz").status == 200

    wait_until(ready, "the version before is ready", pause=0.2)


def _go_on(load: Load, phase: str, *versions: Version) -> None:
    load.phase = phase
    ends = time.monotonic() + _SECONDS[phase]
    while time.monotonic() < ends:
        time.sleep(0.5)
        for version in versions:
            version.check()


def _mails(postbox: Postbox) -> Any:
    def count() -> Counter[str]:
        return Counter(
            str(message_from_bytes(envelope.content)["X-Vigint-Incident"])
            for envelope in list(postbox.taken)
            if isinstance(envelope.content, bytes)
        )

    return count


if __name__ == "__main__":
    main()
