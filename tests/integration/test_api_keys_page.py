"""API keys in the dashboard: created, shown once, used, revoked."""

import re
import shlex
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, Person, post_incident, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.http.security.rules import RULES, Key, PersonOrKey
from vigint_web.models import ApiKey, AuditEvent, Link, Role, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.transactions import transaction

People = Callable[[Role], Person]
NEW = "/keys/add/"


def _make(admin: Person, name: str = "camera 1", **more: object) -> str:
    answer = admin.post(NEW, page=NEW, name=name, scopes="ingest", **more)
    assert answer.status_code == 200, answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    return str(answer.text)


def _key_in(page: str) -> str:
    keys: set[str] = set(re.findall(r"vgk_[\w-]{20,}", page))
    assert len(keys) == 1, "the page shows one key"
    return keys.pop()


def test_a_new_key_works_and_is_shown_once(
    people: People, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    admin = people(Role.ADMIN)
    assert "No key yet" in admin.browser.get("/keys/", headers={"Accept-Language": "en"}).text
    page = _make(admin)
    key = _key_in(page)
    assert f"export VIGINT_API_KEY={key}" in page
    assert post_incident(client, key, {"message": "m"})["reference"]
    later = [admin.browser.get(path) for path in ("/keys/", NEW, "/", "/account")]
    assert all(answer.status_code == 200 and key not in answer.text for answer in later)
    assert "camera 1" in later[0].text
    cookie = admin.browser.get_cookie("vigint_session")
    assert cookie is not None
    assert key not in cookie.value
    renew()
    row = db.session.query(ApiKey).filter_by(name="camera 1").one()
    assert key not in repr(vars(row))
    assert key not in repr([vars(e) for e in db.session.query(AuditEvent)])
    assert caplog.records
    assert key not in repr([vars(record) for record in caplog.records])


def test_the_example_is_one_command_that_posts_an_incident(
    people: People, client: FlaskClient
) -> None:
    page = _make(people(Role.ADMIN))
    key = _key_in(page)
    shown = re.search(r'<code id="new-key-curl">(.*?)</code>', page, re.DOTALL)
    assert shown
    text = shown.group(1)
    for sign, entity in (('"', "&#34;"), ("'", "&#39;"), ("&", "&amp;")):
        text = text.replace(entity, sign)
    command = shlex.split(text.replace("$VIGINT_API_KEY", key).replace("\\\n", " "))
    assert command[0] == "curl"
    assert command[-1] == "http://vigint.test/api/v1/incidents"
    headers = dict(command[n + 1].split(": ", 1) for n, word in enumerate(command) if word == "-H")
    answer = client.post(
        "/api/v1/incidents", data=command[command.index("-d") + 1], headers=headers
    )
    assert answer.status_code == 202, answer.text


def test_reloading_the_page_of_a_new_key_makes_no_second_one(people: People) -> None:
    admin = people(Role.ADMIN)
    _make(admin)
    again = admin.post(NEW, page=NEW, name=" camera  1 ", scopes="ingest")
    assert again.status_code == 422
    assert "vgk_" not in again.text
    renew()
    assert db.session.query(ApiKey).count() == 1


def test_a_revoked_key_is_refused_and_its_name_is_free(people: People, client: FlaskClient) -> None:
    admin = people(Role.ADMIN)
    key = _key_in(_make(admin))
    renew()
    row = db.session.query(ApiKey).one()
    for _ in range(2):
        assert admin.post(f"/keys/{row.id}/revoke", page=NEW).status_code == 302
    refused = post_incident(client, key, {"message": "m"}, status=403)
    assert refused["code"] == "invalid_key"
    page = admin.browser.get("/keys/", headers={"Accept-Language": "en"}).text
    assert "Key revoked" in page
    assert f"/keys/{row.id}/revoke" not in page
    renew()
    revoked = [e for e in db.session.query(AuditEvent) if e.action == "api_key:revoked"]
    assert [(e.actor, e.subject) for e in revoked] == [(admin.email, f"api_key:{row.id}")]
    assert _key_in(_make(admin)) != key


def test_what_is_wrong_is_said_and_nothing_is_made(people: People) -> None:
    admin = people(Role.ADMIN)
    for form in (
        {"name": "", "scopes": "ingest"},
        {"name": "x" * 201, "scopes": "ingest"},
        {"name": "x"},
        {"name": "x", "scopes": "everything"},
    ):
        answer = admin.post(NEW, page=NEW, **form)
        assert answer.status_code == 422, form
        assert 'class="field-error"' in answer.text
    renew()
    assert db.session.query(ApiKey).count() == 0


def test_a_key_may_what_was_chosen_and_a_scope_that_opens_nothing_is_not_offered(
    people: People,
) -> None:
    admin = people(Role.ADMIN)
    form = admin.browser.get(NEW).text
    offered = set(re.findall(r'name="scopes"[^>]*value="(\w+)"', form))
    keys = (rule for rule in RULES.values() if isinstance(rule, Key | PersonOrKey))
    assert offered == {str(rule.scope) for rule in keys}
    [chosen] = re.findall(r'<input checked[^>]*name="scopes"[^>]*value="(\w+)"', form)
    assert chosen == "ingest", "the default is what a detector needs"
    answer = admin.post(NEW, page=NEW, name="reader", scopes="read")
    assert answer.status_code == 200
    assert "curl" not in answer.text, "the example posts an incident, which this key may not"
    renew()
    assert db.session.query(ApiKey).one().scopes == "read"


def test_where_there_are_several_sites_one_has_to_be_chosen(people: People) -> None:
    admin = people(Role.ADMIN)
    sites.default_site()
    assert 'name="site"' not in admin.browser.get(NEW).text, "with one site there is no choice"
    for slug in ("annexe", "quai"):
        sites.get_or_add_site(slug, slug.title())
    offered = re.search(r'<select[^>]*name="site".*?</select>', admin.browser.get(NEW).text, re.S)
    assert offered is not None
    first = re.search(r"<option[^>]*>", offered[0])
    assert first is not None
    assert 'value=""' in first[0], "no site is chosen before a person does"
    assert not re.search(r'<option(?![^>]*value="")[^>]*selected', offered[0])
    for more in ({}, {"site": ""}):
        answer = admin.post(NEW, page=NEW, name="x", scopes="ingest", **more)
        assert answer.status_code == 422, more
        assert "Choisissez un site" in answer.text
    assert db.session.query(ApiKey).count() == 0


def test_a_key_belongs_to_the_site_that_was_chosen(people: People, app: Flask) -> None:
    lyon = sites.get_or_add_site("lyon")
    admin = people(Role.ADMIN)
    assert 'name="site"' in admin.browser.get(NEW).text
    _make(admin, site=str(lyon.id))
    assert admin.post(NEW, page=NEW, name="x", scopes="ingest", site="4711").status_code == 422
    renew()
    assert db.session.query(ApiKey).one().site_id == lyon.id


def test_only_administrators_see_keys(people: People) -> None:
    api_keys.create_api_key(ACTOR, "secret camera", sites.default_site(), {Scope.INGEST})
    for role in (Role.OPERATOR, Role.VIEWER):
        person = people(role)
        for path in ("/keys/", NEW):
            assert person.browser.get(path).status_code == 403
        assert person.post(NEW, page="/account", name="x", scopes="ingest").status_code == 403
        assert person.post("/keys/1/revoke", page="/account").status_code == 403
    renew()
    assert db.session.query(ApiKey).one().revoked_at is None
    assert people(Role.ADMIN).post("/keys/99/revoke", page=NEW).status_code == 404


def test_the_list_tells_living_used_and_dead_keys_apart(people: People) -> None:
    site = sites.default_site()
    for name in ("fresh", "used", "over"):
        api_keys.create_api_key(ACTOR, name, site, {Scope.INGEST, Scope.READ})
    with transaction() as session:
        session.query(ApiKey).filter_by(name="used").update({"last_used_at": utcnow()})
        past = utcnow() - timedelta(days=1)
        session.query(ApiKey).filter_by(name="over").update({"expires_at": past})
    page = people(Role.ADMIN).browser.get("/keys/", headers={"Accept-Language": "en"}).text
    for state in ("Never used", "In use", "Key expired"):
        assert page.count(state) == 1, state
    assert page.count("Read sources, incidents, links and who opened them") == 3


def test_a_key_may_have_an_end(people: People, client: FlaskClient, clock: Clock) -> None:
    key = _key_in(_make(people(Role.ADMIN), days="30"))
    clock.forward(days=29)
    assert post_incident(client, key, {"message": "m"})["reference"]
    clock.forward(days=2)
    assert post_incident(client, key, {"message": "m"}, 403)["code"] == "invalid_key"


def test_the_links_of_a_key_end_together(people: People, library: Library) -> None:
    link = library.person_link(library.incident())
    answered = db.session.query(Link).filter(Link.api_key_id.is_not(None)).one()
    admin = people(Role.ADMIN)
    page = f"/links/revoke?key={answered.api_key_id}"
    assert admin.browser.get(page).status_code == 200
    done = admin.post("/links/revoke", page=page, key=str(answered.api_key_id), reason="lost")
    assert done.status_code == 302
    renew()
    rows = {row.id: row.revoked_reason for row in db.session.query(Link)}
    assert rows == {answered.id: "lost", link.id: None}
