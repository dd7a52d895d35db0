"""Permissions for uploads by tus: only the own key or session, checked on every request."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Person, csrf_token, renew
from tests.library import ACTOR
from tests.tus_client import BASE, DATA, OFFSETS, Tus, encoded
from vigint_web.models import Role, Scope, Source
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.sources import sources


@pytest.fixture
def key(app: Flask) -> str:
    return api_keys.create_api_key(ACTOR, "uploader", sites.default_site(), {Scope.UPLOAD})


@pytest.fixture
def tus(client: FlaskClient, key: str) -> Tus:
    return Tus(client, Authorization=f"Bearer {key}")


def _source(source_id: str = "file_001") -> Source:
    renew()
    return sources.get_source(ACTOR, source_id)


def test_only_who_began_an_upload_sees_it(
    tus: Tus, client: FlaskClient, people: Callable[[Role], Person]
) -> None:
    path = tus.create()
    other = api_keys.create_api_key(ACTOR, "other", sites.default_site(), set(Scope))
    admin = people(Role.ADMIN)
    token = csrf_token(admin.browser.get("/account").text)
    for stranger in (
        Tus(client, Authorization=f"Bearer {other}"),
        Tus(admin.browser, X_CSRFToken=token),
    ):
        for method in ("HEAD", "GET", "DELETE"):
            assert stranger.ask(method, path).status_code == 404
        assert stranger.patch(path, DATA, 0).status_code == 404
        assert stranger.ask("GET").get_json() == {"uploads": []}
    [mine] = tus.ask("GET").get_json()["uploads"]
    assert (mine["source_id"], mine["filename"]) == ("file_001", "clip.mp4")
    assert (mine["length"], mine["offset"]) == (len(DATA), 0)
    assert f"{BASE}{mine['id']}" == path


def test_a_key_without_the_scope_and_a_revoked_key_are_refused(
    tus: Tus, key: str, client: FlaskClient
) -> None:
    path = tus.create()
    reader = api_keys.create_api_key(ACTOR, "reader", sites.default_site(), {Scope.READ})
    refused = Tus(client, X_API_Key=reader).ask("HEAD", path)
    assert refused.status_code == 403
    assert Tus(client).ask("HEAD", path).status_code == 401
    row = api_keys.find_api_key(key)
    assert row is not None
    api_keys.revoke_api_key(ACTOR, row.id)
    assert tus.patch(path, DATA, 0).status_code == 403
    assert tus.ask("HEAD", path).status_code == 403


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Tus:
    browser = people(Role.OPERATOR).browser
    return Tus(browser, X_CSRFToken=csrf_token(browser.get("/account").text))


def test_a_person_uploads_by_their_session(operator: Tus) -> None:
    path = operator.create()
    assert operator.patch(path, DATA, 0).status_code == 204
    source = _source()
    assert source.created_by_id is not None
    assert operator.ask("GET", path).get_json()["status"] == "processing"


def test_a_request_that_no_page_of_ours_sent_is_refused(operator: Tus) -> None:
    path = operator.create()
    for forged in (
        {"X_CSRFToken": None},
        {"X_CSRFToken": "forged"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        for answer in (
            operator.ask(
                "POST", Upload_Length="5", Upload_Metadata=encoded(filename="a"), **forged
            ),
            operator.patch(path, DATA, 0, **forged),
            operator.ask("DELETE", path, **forged),
        ):
            assert (answer.status_code, answer.get_json()["code"]) == (400, "csrf_failed")
    assert operator.offset(path) == 0
    assert operator.patch(path, DATA, 0, Sec_Fetch_Site="same-origin").status_code == 204


def test_a_viewer_may_not_and_who_is_logged_out_is_told(
    people: Callable[[Role], Person], operator: Tus
) -> None:
    viewer = people(Role.VIEWER)
    token = csrf_token(viewer.browser.get("/account").text)
    assert Tus(viewer.browser, X_CSRFToken=token).ask("GET").status_code == 403
    path = operator.create()
    operator.browser.post("/logout", data={"csrf_token": operator.headers["X-CSRFToken"]})
    answer = operator.patch(path, DATA, 0)
    assert answer.status_code == 401


def test_the_method_may_be_said_by_a_header(tus: Tus) -> None:
    path = tus.create()
    answer = tus.ask(
        "POST",
        path,
        DATA,
        X_HTTP_Method_Override="PATCH",
        Upload_Offset="0",
        Content_Type=OFFSETS,
    )
    assert answer.status_code == 204
    second = tus.create()
    assert tus.ask("POST", second, X_HTTP_Method_Override="DELETE").status_code == 204
    assert tus.ask("HEAD", second).status_code == 404


def test_a_source_belongs_to_the_site_of_the_key_or_to_one_that_was_chosen(
    tus: Tus, people: Callable[[Role], Person], client: FlaskClient
) -> None:
    elsewhere = sites.get_or_add_site("elsewhere")
    key = api_keys.create_api_key(ACTOR, "there", elsewhere, {Scope.UPLOAD})
    Tus(client, Authorization=f"Bearer {key}").create()
    assert _source("file_001").site_id == elsewhere.id
    admin = people(Role.ADMIN).browser
    person = Tus(admin, X_CSRFToken=csrf_token(admin.get("/account").text))
    person.create(metadata=encoded(filename="a.mp4", site="elsewhere"))
    assert _source("file_002").site_id == elsewhere.id
    person.create()
    assert _source("file_003").site_id == sites.default_site().id
    refused = tus.ask(
        "POST", Upload_Length="5", Upload_Metadata=encoded(filename="a", site="elsewhere")
    )
    assert refused.status_code == 422
