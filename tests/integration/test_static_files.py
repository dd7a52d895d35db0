"""Style sheets, scripts and drawings: compressed, cached for ever, fresh after a change."""

import gzip
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from tests.helpers import Person
from vigint_web.http.base.static import set_up_static_files
from vigint_web.models import Role

_GZIP = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def style(app: Flask) -> str:
    """Provide the address of the style sheet in a page."""
    with app.test_request_context():
        return url_for("static", filename="css/frame.css")


@pytest.fixture
def folder(app: Flask) -> Path:
    """Give the folder of the application's own static files."""
    assert app.static_folder
    return Path(app.static_folder)


def test_every_file_that_a_page_names_may_be_kept_for_ever(
    people: Callable[[Role], Person],
) -> None:
    browser = people(Role.ADMIN).browser
    page = browser.get("/").text
    named = re.findall(r'(?:href|src)="(/(?:static|bootstrap)/[^"]+)"', page)
    assert len(named) >= 4, "a page has style sheets, a script and an icon"
    for address in named:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", address


def test_no_kept_answer_belongs_to_a_person(people: Callable[[Role], Person], style: str) -> None:
    browser = people(Role.ADMIN).browser
    assert "Set-Cookie" in browser.get("/").headers, "a page renews the session's cookie"
    answer = browser.get(style, headers=_GZIP)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_text_is_compressed_for_whom_that_helps(
    client: FlaskClient, style: str, folder: Path
) -> None:
    data = (folder / "css/frame.css").read_bytes()
    small = client.get(style, headers=_GZIP)
    assert small.headers["Content-Encoding"] == "gzip"
    assert len(small.data) < len(data) / 2
    assert gzip.decompress(small.data) == data
    assert small.headers["Content-Type"] == "text/css; charset=utf-8"
    for refused in ({}, {"Accept-Encoding": "br"}, {"Accept-Encoding": "gzip;q=0"}):
        plain = client.get(style, headers=refused)
        assert (plain.data, plain.headers.get("Content-Encoding")) == (data, None)
        assert plain.headers["Vary"] == "Accept-Encoding"
        assert plain.headers["ETag"] != small.headers["ETag"], "two forms, two strong tags"


def test_no_page_is_compressed(people: Callable[[Role], Person]) -> None:
    answer = people(Role.ADMIN).browser.get("/", headers=_GZIP)
    assert "Content-Encoding" not in answer.headers, "its length would betray the CSRF token"


@pytest.mark.parametrize("headers", [{}, _GZIP], ids=["plain", "gzip"])
def test_who_has_a_file_gets_no_body(
    client: FlaskClient, style: str, headers: dict[str, str]
) -> None:
    first = client.get(style, headers=headers)
    held = client.get(style, headers={**headers, "If-None-Match": first.headers["ETag"]})
    assert (held.status_code, held.data) == (304, b"")
    assert held.headers["ETag"] == first.headers["ETag"]
    assert held.headers["Vary"] == "Accept-Encoding"
    since = {**headers, "If-Modified-Since": first.headers["Last-Modified"]}
    assert client.get(style, headers=since).status_code == 304
    head = client.head(style, headers=headers)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == first.headers["Content-Length"]


def test_a_changed_file_has_another_address(
    app: Flask, client: FlaskClient, style: str, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "changed")
    with (tmp_path / "changed/css/frame.css").open("a") as file:
        file.write("\n/* a new release */\n")
    upgraded = Flask("upgraded", static_folder=tmp_path / "changed", static_url_path="/static")
    upgraded.register_blueprint(app.blueprints["bootstrap"])
    set_up_static_files(upgraded)
    with upgraded.test_request_context():
        assert url_for("static", filename="css/frame.css") != style
    # A page from before the upgrade still gets a file, which is not cached.
    answer = upgraded.test_client().get(style)
    assert answer.status_code == 200
    assert answer.data.endswith(b"/* a new release */\n")
    assert answer.headers["Cache-Control"] == "public, no-cache"


def test_a_module_and_what_it_imports_have_one_version(client: FlaskClient, app: Flask) -> None:
    with app.test_request_context():
        script = url_for("static", filename="js/live.js")
    imported = re.findall(r'from "\./([\w-]+\.js)"', client.get(script).text)
    assert imported, "live.js no longer imports anything: choose another module"
    for name in imported:
        with app.test_request_context():
            named_by_pages = url_for("static", filename=f"js/{name}")
        # Another address of the same file would be a second module, which runs twice.
        assert named_by_pages == f"{script.rpartition('/')[0]}/{name}"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../config.py",
        "/static/v-000000000000/../../config.py",
        "/static/%2e%2e/config.py",
        "/static/v-000000000000/%2e%2e/config.py",
        "/static//etc/passwd",
        "/static/v-000000000000//etc/passwd",
        "/static/css",
        "/static/v-000000000000/nothing.css",
        "/bootstrap/static/v-000000000000/../__init__.py",
    ],
)
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path, follow_redirects=True)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")
