"""One complete run, every log line read: no token, key, password or session in any of them."""

import logging
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import (
    Footage,
    Person,
    csrf_token,
    incident_document,
    mails,
    path_of,
    post_incident,
)
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.logs import JsonFormatter
from vigint_web.models import Link, Role
from vigint_web.services.links.links import token_of
from vigint_web.services.sources.listing import find_sources

pytestmark = pytest.mark.both_databases(reason="errors of the database hold parameters")


class _Collector(logging.Handler):
    """Collect lines before redaction, and as written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.meant: list[str] = []
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        plain = logging.Formatter("%(name)s %(message)s").format(record)
        self.meant.append(f"{plain} {getattr(record, 'fields', '')}")
        self.written.append(JsonFormatter().format(record))


@pytest.fixture
def lines() -> Iterator[_Collector]:
    collector = _Collector()
    root = logging.getLogger()
    root.addHandler(collector)
    yield collector
    root.removeHandler(collector)


def test_a_whole_run_logs_no_secret(
    app: Flask,
    lines: _Collector,
    client: FlaskClient,
    people: Callable[[Role], Person],
    api_key: str,
    work: Callable[[], None],
    footage: Footage,
    library: Library,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = people(Role.ADMIN)
    form_token = csrf_token(admin.browser.get("/account").text)
    admin.upload(("clip.mp4", footage.clip("logged.mp4", seconds=1).read_bytes()))
    accepted = post_incident(client, api_key, incident_document(footage.frames(5)))
    work()
    [mail] = mails(config)
    text = mail.get_body(("plain",))
    assert text is not None
    found = re.search(r"http://vigint\.test/video/\S+", text.get_content())
    assert found
    page = path_of(found.group(0))
    person = page.partition("token=")[2]
    program = library.program_token(find_sources(ACTOR).rows[0])
    for path in (
        page,
        path_of(accepted["private_link"]),
        f"{page.replace('?', '/state?')}",
        f"/stream/{person}/?view=v",
        f"/stream/{person}",
        f"/api/video/{person}/",
        f"/api/video/{program}/metadata/",
        f"/api/video/{program}/download/",
        f"/api/video/{program}/nowhere/",
        "/outbox/",
    ):
        (admin.browser if path == "/outbox/" else client).get(path)
    links = db.session.query(Link).all()
    for link in links:
        admin.post(f"/links/{link.id}/revoke", reason="over")
    assert client.get(f"/stream/{person}/").status_code == 410
    client.post("/api/v1/incidents", json={"message": "m"}, headers={"X-API-Key": api_key + "x"})
    token = csrf_token(client.get("/login").text)
    wrong = {"csrf_token": token, "email": admin.email, "password": "a wrong word of mine"}
    assert client.post("/login", data=wrong).status_code == 401

    def accident(*_: object, **__: object) -> None:
        raise RuntimeError(f"about {program} and Bearer {api_key}")

    with monkeypatch.context() as patch:
        patch.setattr("vigint_web.blueprints.api.tokens.views.video_document", accident)
        before = len(lines.meant)
        revived = library.program_token(library.source())
        assert client.get(f"/api/video/{revived}/").status_code == 500
        del lines.meant[before:]  # the test itself logs it; the written line must not

    session = admin.browser.get_cookie("vigint_session")
    assert session is not None
    secrets = {
        "session": session.value,
        "password": PASSWORD,
        "a wrong password": "a wrong word of mine",
        "API key": api_key,
        "CSRF token": form_token,
        "secret key": config.secret_key,
        **{f"token of link {link.id}": token_of(link) for link in links},
        **{f"handle of link {link.id}": link.handle for link in links},
        "program token": program,
        "revived token": revived,
    }
    assert len(lines.written) > 30, "the run was logged"
    assert any("GET /stream/<token>/ 410" in line for line in lines.written)
    for name, secret in secrets.items():
        assert len(secret) > 8
        for line in (*lines.meant, *lines.written):
            assert secret not in line, f"{name} is in a log line: {line[:300]}"


def test_every_line_of_a_request_carries_its_id(lines: _Collector, client: FlaskClient) -> None:
    answer = client.get("/login", headers={"X-Request-ID": "abcdef-12345"})
    assert answer.headers["X-Request-ID"] == "abcdef-12345"
    assert '"request": "abcdef-12345"' in lines.written[-1]
    odd = client.get("/login", headers={"X-Request-ID": "a b\u00e9<script>"})
    assert re.fullmatch(r"[0-9a-f]{16}", odd.headers["X-Request-ID"])


def test_uploads_log_no_content(
    lines: _Collector, people: Callable[[Role], Person], work: Callable[[], None]
) -> None:
    people(Role.OPERATOR).upload(("secret plans.mp4", b"the plans themselves" * 100))
    work()
    assert not any("the plans themselves" in line for line in lines.written)
