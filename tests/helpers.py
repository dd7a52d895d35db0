"""Helpers of the tests besides fixtures."""

import base64
import email
import gc
import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email import policy
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, QueuePool, event
from werkzeug.test import TestResponse

from vigint_web import clock
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.jobs.worker import ListedWorker
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools
from vigint_web.services.core import job_queue
from vigint_web.services.core.runtime import runtime
from vigint_web.services.links.access_writer import AccessWriter, Row

_RETURN_SECONDS = 10
START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


# A page of every role that has a form and takes little time; /account lists all time zones.
CHEAP_PAGE = "/incidents/"


def csrf_token(page: str) -> str:
    """Return the token of the first form of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has no form with a CSRF token"
    return found.group(1)


def log_in(client: FlaskClient, email: str, password: str) -> None:
    """Log in by the form, as a browser does."""
    token = csrf_token(client.get("/login").text)
    form = {"csrf_token": token, "email": email, "password": password}
    answer = client.post("/login", data=form)
    assert answer.status_code == 302, "the login was refused"


class Browser(FlaskClient):
    """Send requests like a client of a real server: no state of a request is kept for the next.

    The tests run inside an application context, which Flask would share with every request: the
    previous request's user would still be logged in, and its database session still open.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send one request in a context of its own, and read its answer completely."""
        with self.application.app_context():
            answer = super().open(*args, **{"buffered": True, **kwargs})
        # A large form uses a temporary file that Werkzeug's client leaves open.
        answer.request.environ["wsgi.input"].close()
        return answer


@contextmanager
def recorded_statements() -> Iterator[list[tuple[str, Any]]]:
    """Record the statements of a block, each with its parameters, in their order."""
    seen: list[tuple[str, Any]] = []

    def see(_c: Any, _u: Any, statement: str, parameters: Any, *_more: Any) -> None:
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", see)


def pages_of_incidents(statements: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return those of some statements that read a page of incidents."""
    return [one for one in statements if "FROM incidents" in one[0] and "LIMIT" in one[0]]


class WriterAtOnce(AccessWriter):
    """Write each row of the log before its request is answered."""

    def add(self, row: Row) -> None:
        """Write a row."""
        self.write([row])


def renew() -> None:
    """Let the test see commits of others."""
    db.session.rollback()
    db.session.expire_all()


class InThisProcess(ListedWorker, SimpleWorker):
    """The application's worker, without the fork."""


def run_jobs() -> None:
    """Run every queued job, by a real RQ worker in this process."""
    queues = [job_queue.queue(name) for name in job_queue.QUEUES]
    worker = InThisProcess(queues, connection=runtime().redis, serializer=JSONSerializer)
    worker.work(burst=True, logging_level=None)
    failed = [job for queue in queues for job in queue.failed_job_registry.get_job_ids()]
    assert not failed, f"jobs ended with a stack trace: {failed}"
    renew()


def close_pool(engine: Engine) -> None:
    """Close an engine's connections once its threads have given theirs back.

    `dispose` replaces the pool at once, and nothing closes a connection that comes back later.
    """
    deadline = time.monotonic() + _RETURN_SECONDS
    while isinstance(engine.pool, QueuePool) and engine.pool.checkedout():
        assert time.monotonic() < deadline, "a thread keeps a connection to the database"
        gc.collect()
        time.sleep(0.01)
    engine.dispose()


def stored_files(config: Config) -> list[str]:
    """Return the key of every published file."""
    root = config.media_dir
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith(".incoming/"))


def path_of(link: str) -> str:
    """Return the browser's request for a link."""
    assert link.startswith("http://vigint.test/"), f"{link} leads elsewhere"
    return link.removeprefix("http://vigint.test")


def mails(config: Config) -> list[EmailMessage]:
    """Return the mails of the outbox."""
    return [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(config.outbox_dir.glob("*.eml"))
    ]


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Return a mail's text, or its HTML."""
    part = mail.get_body((kind,))
    assert part is not None, f"the mail has no {kind} part"
    return str(part.get_content())


def post_incident(
    client: FlaskClient, key: str, document: object, status: int = 202, **headers: str
) -> dict[str, Any]:
    """Post an incident as JSON and return the answer."""
    answer = client.post(
        "/api/v1/incidents",
        json=document,
        headers={
            "Authorization": f"Bearer {key}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
    assert answer.status_code == status, answer.text
    return dict(answer.get_json())


def post_form(
    client: FlaskClient,
    key: str,
    document: object,
    *,
    frames: list[bytes] | None = None,
    video: bytes | None = None,
    **headers: str,
) -> TestResponse:
    """Post an incident as a form: the document, and frames or a video as parts."""
    form: dict[str, Any] = {}
    if document is not None:
        form["incident"] = document if isinstance(document, str) else json.dumps(document)
    if frames is not None:
        form["frames"] = [(io.BytesIO(data), f"{n}.jpg") for n, data in enumerate(frames)]
    if video is not None:
        form["video"] = (io.BytesIO(video), "clip.mp4")
    return client.post(
        "/api/v1/incidents",
        data=form,
        content_type="multipart/form-data",
        headers={
            "X-API-Key": key,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


@dataclass
class Person:
    """A logged-in user."""

    browser: FlaskClient
    email: str

    def post(self, path: str, page: str = CHEAP_PAGE, **fields: Any) -> Any:
        """Send a form with the CSRF token of a page."""
        token = csrf_token(self.browser.get(page).text)
        return self.browser.post(path, data={"csrf_token": token, **fields})

    def speaking(self, locale: str) -> "Person":
        """Choose the language of the pages, which is French otherwise; return the user."""
        self.post("/language", locale=locale)
        return self

    def upload(self, *files: tuple[str, bytes], **fields: str) -> TestResponse:
        """Upload files, each a name and its bytes, by the form."""
        page = "/source-management/add/?type=file"
        form: dict[str, Any] = {"csrf_token": csrf_token(self.browser.get(page).text), **fields}
        form["files"] = [(io.BytesIO(data), name) for name, data in files]
        return self.browser.post(
            "/source-management/add/", data=form, content_type="multipart/form-data"
        )


class Clock:
    """Control the application's time, which advances on demand only, however busy a machine is.

    Each reading is a microsecond later than the one before, so that an order by time is unique.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._start = utcnow()
        self._shift = timedelta(0)
        self._readings = count()
        monkeypatch.setattr(clock, "datetime", self)

    def now(self, zone: tzinfo = UTC) -> datetime:
        """Return the time as the application sees it."""
        passed = self._shift + timedelta(microseconds=next(self._readings))
        return (self._start + passed).astimezone(zone)

    def forward(self, **delta: float) -> None:
        """Let time pass."""
        self._shift += timedelta(**delta)


def generated_once(
    folder: Path, name: str, asked: tuple[object, ...], generate: Callable[[Path], object]
) -> Path:
    """Return the file of this name that is generated from these parameters, once.

    Files of one name and different parameters are apart, so that no test reads what another one
    asked for.

    Args:
        asked: all parameters that `generate` depends on, apart from the name.
        generate: writes the file at the given path, whose extension is that of the name.
    """
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
    path = folder / digest / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_stem("unfinished")
        generate(unfinished)
        unfinished.rename(path)
    return path


class Footage:
    """Generate clips and frames with the application's ffmpeg, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runner = Runner(find_tools())
        self._frames: dict[tuple[int, str], list[bytes]] = {}

    def clip(self, name: str, *options: str, seconds: float = 2, size: str = "320x240") -> Path:
        """Return a clip with picture and sound; the file extension selects the container.

        Args:
            options: ffmpeg's output options; H.264 and AAC when none are given.
        """
        codecs = options or ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")

        def generate(path: Path) -> None:
            self._runner.run(
                [
                    "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}",
                    "-f", "lavfi", "-i", f"sine=d={seconds}",
                    "-preset", "ultrafast", *codecs, str(path),
                ]
            )  # fmt: skip

        return generated_once(self._folder, name, (codecs, seconds, size), generate)

    def frames(self, count: int = 40, size: str = "320x240") -> list[bytes]:
        """Return JPEG frames of a moving picture."""
        wanted = (count, size)
        if wanted not in self._frames:
            pattern = self._folder / f"{size}-{count}-%04d.jpg"
            self._runner.run(
                [
                    "-f", "lavfi", "-i", f"testsrc2=s={size}:r=10",
                    "-frames:v", str(count), "-q:v", "5", str(pattern),
                ]
            )  # fmt: skip
            paths = sorted(self._folder.glob(f"{size}-{count}-*.jpg"))
            self._frames[wanted] = [path.read_bytes() for path in paths]
        return self._frames[wanted]


def incident_document(frames: list[bytes], *, step: float = 0.1, **more: Any) -> dict[str, Any]:
    """Return a detector's JSON: frames `step` seconds apart."""
    return {
        "message": "Mouvement suspect au rayon 4",
        "incident_data": {
            "incident_type": "Vol à l'étalage",
            "risk_level": "HIGH",
            "confidence": 0.92,
            "analysis": "Un objet est glissé dans un sac.",
            "site": "Magasin Lyon",
            "camera": "Rayon 4",
        },
        "frames": [
            {
                "frame_data": base64.b64encode(frame).decode(),
                "frame_count": number,
                "timestamp": START.timestamp() + (number - 1) * step,
            }
            for number, frame in enumerate(frames, start=1)
        ],
        **more,
    }
