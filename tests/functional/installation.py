"""Start the real installation: `vigint up` with its own data directory, and its surroundings."""

import email
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.functional.processes import (
    PATIENCE_SECONDS,
    SELDOM,
    children_of,
    command_of,
    descendants_of,
    left_behind,
    runs,
    wait_until,
)
from tests.functional.web import Session, multipart, request
from tests.helpers import close_pool
from tests.library import Library
from tests.ports import free_port
from vigint_web import create_app
from vigint_web.config.config import load_config
from vigint_web.extensions import db
from vigint_web.models import Role, Scope
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.actors import command_line

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "admin@example.com"
_OURS = ("VIGINT_", "SPARSE_AI_", "VIDEO_LINK_")
_SCOPES = ("ingest", "host", "upload")


def clean_environment(data_dir: Path, **more: str) -> dict[str, str]:
    """Return this machine's environment without Vigint's settings, but for these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "VIGINT_DATA_DIR": str(data_dir), **more}


class Installation:
    """One installation: its processes, its address, its people and keys, its log."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", **settings: str) -> None:
        self.data_dir = folder / "data"
        self.log_path = folder / "log"
        self.port = free_port()
        self.host = host
        # Tests post quickly; the cool-down has a test of its own.
        hurried = {"VIGINT_ALERT_COOLDOWN_SECONDS": "0", **settings}
        self.environment = clean_environment(self.data_dir, **hurried)
        self.password = secrets.token_urlsafe(12)
        self.secrets: set[str] = {self.password}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def served_url(self) -> str:
        """Return the address of the ready line, with which its links begin."""
        addresses: list[str] = re.findall(r"Vigint is ready on (\S+)", self.log)
        return addresses[-1]

    @property
    def log(self) -> str:
        """Return all output of its processes."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """Return the supervisor's process."""
        assert self._process is not None, "it is not started"
        return self._process.pid

    def start(self, *options: str) -> float:
        """Start it; return the seconds until the ready line."""
        began = time.monotonic()
        ready_before = self.log.count("Vigint is ready on") if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "vigint_web", "up",
                    "--host", self.host, "--port", str(self.port), *options,
                ],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip

        def ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, f"it ended: {self.log[-3000:]}"
            return self.log.count("Vigint is ready on") > ready_before

        wait_until(ready, "the line that says that Vigint is ready")
        return time.monotonic() - began

    def people_by_commands(self) -> None:
        """Create an administrator and an API key, as in the README."""
        self.command(
            "create-user", ADMIN, "--role", "admin", "--password-stdin", given=self.password
        )
        scopes = [word for scope in _SCOPES for word in ("--scope", scope)]
        self.api_key = self.command("create-api-key", "detector", *scopes).strip()
        self._keep_secrets()

    def people(self) -> None:
        """Create the same as the commands do, without starting a process for each."""
        app = create_app(load_config(self.environment))
        with app.app_context():
            users.create_user(command_line(), ADMIN, self.password, Role.ADMIN)
            scopes = set(map(Scope, _SCOPES))
            site = sites.default_site()
            self.api_key = api_keys.create_api_key(command_line(), "detector", site, scopes)
            db.session.remove()
            close_pool(db.engine)
        self._keep_secrets()

    def hosted(self, data: bytes) -> str:
        """Add a source that is ready, with any bytes; return the token of its programs."""
        app = create_app(load_config(self.environment))
        with app.app_context():
            library = Library()
            token = library.program_token(library.source(data))
            db.session.remove()
            close_pool(db.engine)
        return token

    def _keep_secrets(self) -> None:
        first = self.data_dir / "first-admin-password"
        self.secrets |= {self.api_key, first.read_text().strip()}

    def is_tidy(self) -> bool:
        """Return whether rows and storage agree and no working file is left; print the difference.

        An empty folder of a killed worker does no harm until the sweep removes it.
        """
        output = self.command("media", "check", "--older-than", "0", "--json", statuses={0, 1})
        report = json.loads(output)
        left = report["damaged"] + report["orphans"] + report["uploads"]
        left += [held for held in report["unfinished"] if held["bytes"]]
        if left:
            print("left in the storage:", left)
        return not left

    def command(self, *arguments: str, given: str = "", statuses: Set[int] = frozenset({0})) -> str:
        """Run a command of the command line; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "vigint_web", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode in statuses, done.stderr
        return done.stdout

    def stop(self, number: signal.Signals = signal.SIGTERM, *, group: bool = False) -> None:
        """Stop it by a signal, and check that nothing is left."""
        assert self._process is not None, "it is not started"
        below = descendants_of(self.pid)
        if group:
            os.killpg(self.pid, number)
        else:
            self._process.send_signal(number)
        try:
            status = self._process.wait(30)
        finally:
            left = left_behind(str(self.data_dir), below)
            for pid in below:
                if runs(pid):
                    os.kill(pid, signal.SIGKILL)
            self._process = None
        assert status == 0, f"it ended with status {status}: {self.log[-3000:]}"
        assert not left, f"processes are left: {left}"
        sockets = [path for path in self.data_dir.rglob("*") if path.is_socket()]
        assert not sockets, f"sockets are left: {sockets}"

    @property
    def is_running(self) -> bool:
        """Return whether it was started and not stopped."""
        return self._process is not None

    @contextmanager
    def lived_in(self, *options: str) -> Iterator["Installation"]:
        """Run with an administrator and an API key; end without a trace, no secret in the log."""
        self.start(*options)
        try:
            self.people()
            yield self
        finally:
            self.end()
        leaked = [secret for secret in self.secrets if secret in self.log]
        assert not leaked, f"{len(leaked)} of {len(self.secrets)} secrets are in the log"

    def end(self) -> None:
        """Stop it if a test left it running."""
        if self._process is not None:
            self.stop()

    def is_ready(self) -> bool:
        """Return whether /readyz reports that everything is up."""
        try:
            return request(f"{self.url}/readyz").status == 200
        except OSError:
            return False

    def children(self, word: str) -> list[int]:
        """Return the supervisor's children with a word in their command line."""
        return [pid for pid in children_of(self.pid) if word in command_of(pid)]

    def web_processes(self) -> list[int]:
        """Return the processes that answer requests."""
        return [pid for master in self.children("gunicorn") for pid in children_of(master)]

    def encoders(self) -> list[int]:
        """Return the ffmpeg processes that encode an incident now."""
        return [pid for pid in descendants_of(self.pid) if "libx264" in command_of(pid)]

    def session(self) -> Session:
        """Return a browser in which the administrator is logged in."""
        browser = Session(self.url)
        browser.log_in(ADMIN, self.password)
        return browser

    def post(self, document: dict[str, Any], video: bytes | None = None) -> dict[str, Any]:
        """Post an incident; return the answer, which is 202."""
        body, kind = json.dumps(document).encode(), "application/json"
        if video is not None:
            facts = {name: value for name, value in document.items() if name != "frames"}
            body, kind = multipart(
                [
                    ("incident", None, json.dumps(facts).encode()),
                    ("video", "incident.mp4", video),
                ]
            )
        answer = request(
            f"{self.url}/api/v1/incidents",
            body,
            method="POST",
            Content_Type=kind,
            X_API_Key=self.api_key,
        )
        assert answer.status == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        if accepted["private_link"]:
            self.secrets.add(token_of(accepted["private_link"]))
        return accepted

    def status(self, accepted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the state of an incident."""
        address = f"{self.url}/api/v1/incidents/{accepted['incident_id']}"
        answer = request(address, X_API_Key=self.api_key)
        assert answer.status == 200, answer.text
        return dict(answer.json())

    def finished(self, accepted: Mapping[str, Any], seconds: float = 60) -> dict[str, Any]:
        """Wait until an incident is settled and its clip has its pictures; return its state."""
        wait_until(
            lambda: self.status(accepted)["done"],
            f"{accepted['reference']} is done",
            seconds,
            pause=SELDOM,
        )
        wait_until(
            lambda: self._has_pictures(accepted["video_id"]),
            f"the pictures of {accepted['reference']}",
            seconds,
            pause=SELDOM,
        )
        return self.status(accepted)

    def _has_pictures(self, video_id: str | None) -> bool:
        # An alert does not wait for them.
        leased = "SELECT 1 FROM videos WHERE public_id = ? AND lease_until IS NOT NULL"
        return not self.sql(leased, video_id)

    def mails(self, reference: str) -> list[EmailMessage]:
        """Return the mails about an incident; their links are secrets from then on."""
        outbox = read_mails(self.data_dir / "outbox")
        found = [mail for mail in outbox if mail["X-Vigint-Incident"] == reference]
        for mail in found:
            self.secrets |= set(re.findall(r"token=([\w.~-]+)", text_of(mail)))
        return found

    @contextmanager
    def stopped_workers(self) -> Iterator[list[int]]:
        """Stop the workers inside the block."""
        workers = self.children("worker.py")
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            yield workers
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)

    def mailed_link(self, reference: str) -> str:
        """Return the link in the one mail about an incident."""
        [mail] = self.mails(reference)
        found = re.search(r"Lien privé sécurisé: (\S+)", text_of(mail))
        assert found, text_of(mail)
        return found.group(1)

    def link_id(self, link: str) -> int:
        """Return the row id of a mailed link."""
        public_id = urlsplit(link).path.rpartition("/")[2]
        [(found,)] = self.sql(
            "SELECT links.id FROM links JOIN videos ON videos.id = links.video_id"
            " WHERE public_id = ? AND recipient IS NOT NULL",
            public_id,
        )
        return int(found)

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Change or read the database without the application."""
        connection = sqlite3.connect(self.data_dir / "vigint.sqlite3", timeout=20)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def sql_text(self) -> str:
        """Return the whole database as SQL, for searching it."""
        connection = sqlite3.connect(self.data_dir / "vigint.sqlite3", timeout=20)
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()


def token_of(link: str) -> str:
    """Return the token of a private link."""
    return link.partition("token=")[2]


def read_mails(outbox: Path) -> list[EmailMessage]:
    """Return the mails of an outbox."""
    return [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(outbox.glob("*.eml"))
    ]


def text_of(mail: EmailMessage) -> str:
    """Return a mail's plain text."""
    part = mail.get_body(("plain",))
    assert part is not None, "the mail has no plain text"
    return str(part.get_content())
