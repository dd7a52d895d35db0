"""Errors as pages: with the navigation for people who are logged in, alone for all others."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import TooManyRequests

from tests.helpers import Person
from vigint_web.http.base import logged_in
from vigint_web.models import Role
from vigint_web.storage import StorageError

People = Callable[[Role], Person]
_NAVIGATION = 'class="places"'


@pytest.mark.parametrize(
    ("address", "status"), [("/nowhere", 404), ("/incidents/none/", 404), ("/people/", 403)]
)
def test_somebody_logged_in_keeps_the_navigation(people: People, address: str, status: int) -> None:
    answer = people(Role.VIEWER).browser.get(address)
    assert answer.status_code == status
    assert _NAVIGATION in answer.text
    assert f"Erreur {status}" in answer.text
    assert address not in answer.text.replace('href="/people/"', ""), "its address is not repeated"


def test_a_stranger_gets_none(client: FlaskClient) -> None:
    answer = client.get("/nowhere")
    assert (answer.status_code, _NAVIGATION in answer.text) == (404, False)


def test_without_a_database_no_user_is_looked_up(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = people(Role.VIEWER).browser

    def down(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("the server is gone"))

    monkeypatch.setitem(app.view_functions, "incidents.index", down)
    monkeypatch.setattr(
        logged_in, "current_user", None
    )  # asking for it would be an error of its own
    answer = browser.get("/incidents/")
    assert (answer.status_code, _NAVIGATION in answer.text) == (503, False)


@pytest.mark.parametrize(
    "address", ["/login", "/video/vid_0?token=none"], ids=["a page", "a link's page"]
)
def test_an_accident_gives_the_id_under_which_the_log_has_it(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    for endpoint in ("auth.login", "player.page"):
        monkeypatch.setitem(app.view_functions, endpoint, broken)
    answer = client.get(address)
    assert answer.status_code == 500
    assert f"<code>{answer.headers['X-Request-ID']}</code>" in answer.text
    assert "broken" not in answer.text


def test_a_storage_that_is_away_is_named(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise StorageError("no route to host")

    monkeypatch.setitem(app.view_functions, "incidents.index", away)
    answer = people(Role.VIEWER).browser.get("/incidents/")
    assert answer.status_code == 503
    assert "Le stockage des vidéos est momentanément inaccessible" in answer.text


def test_a_title_is_not_repeated_by_the_sentence_below_it(
    app: Flask, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flooded(*_: object, **__: object) -> None:
        raise TooManyRequests

    monkeypatch.setitem(app.view_functions, "incidents.index", flooded)
    answer = people(Role.VIEWER).browser.get("/incidents/")
    assert answer.status_code == 429
    assert answer.text.split("</head>")[1].count("Trop de requêtes") == 1
