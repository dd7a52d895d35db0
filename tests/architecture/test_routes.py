"""Every route states its rule, and really follows it."""

import io
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.conftest import PASSWORD
from tests.helpers import Person, csrf_token, post_incident, renew
from tests.library import ACTOR, Library
from vigint_web.config import Config
from vigint_web.extensions import Base, db
from vigint_web.http.rules import RULES, Anyone, Key, Token
from vigint_web.http.rules import Person as People
from vigint_web.models import Role
from vigint_web.permissions import may
from vigint_web.services import sessions, sites, users
from vigint_web.services.visitors import Visitor

# Everything that changes something is in this list, and nothing that changes something is a GET.
CHANGING = {
    "auth.login", "auth.logout", "auth.language", "auth.account", "auth.preferences",
    "sources.upload", "sources.retry", "sources.delete", "sources.rotate",
    "incidents.retry", "incidents.retry_alert", "links.revoke", "ingest.create",
    "auth.code", "auth.forgot", "auth.set_password", "auth.end_session", "auth.end_other_sessions",
    "auth.begin_two_factor", "auth.two_factor_setup", "auth.two_factor_off", "auth.recovery_codes",
    "people.invite", "people.set_access", "people.resend", "people.send_reset", "people.show_link",
    "people.reset_two_factor", "people.end_sessions", "people.deactivate", "people.reactivate",
    "sites.add", "sites.rename", "keys.create", "keys.revoke", "dashboard.test_alert",
    "sharing.share", "sharing.expiry", "sharing.send_again", "sharing.address",
    "sharing.revoke_many",
}  # fmt: skip
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def _routes(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


@pytest.fixture
def urls(
    app: Flask,
    library: Library,
    client: FlaskClient,
    api_key: str,
    work: Callable[[], None],
    config: Config,
) -> dict[str, str]:
    """Give an address of every route, with arguments that lead to real things."""
    post_incident(client, api_key, {"message": "m"})
    work()
    source, video = library.source(), library.incident()
    token = library.program_token(source)
    somebody = users.create_user(ACTOR, "somebody@example.com", PASSWORD, Role.VIEWER)
    sessions.begin_session(somebody, Visitor("192.0.2.1", "browser"), ["password"])
    arguments: dict[str, object] = {
        "source_id": source.source_id,
        "reference": library.incident_of(video).reference,
        "public_id": video.public_id,
        "video_id": video.public_id,
        "alert_id": 1,
        "link_id": 1,
        "token": token,
        "mail_id": 1,
        "user_id": somebody.id,
        "session_id": somebody.session_id,
        "site_id": source.site_id,
        "key_id": library.key(sites.default_site()).id,
        "filename": "css/frame.css",
    }
    built = {}
    urls_of = app.url_map.bind("vigint.test")
    for rule in _routes(app):
        needed = {name: arguments[name] for name in rule.arguments}
        method = next(iter(sorted((rule.methods or set()) & UNSAFE)), "GET")
        built[rule.endpoint] = urls_of.build(rule.endpoint, needed, method=method)
    return built


def _methods(app: Flask) -> Iterator[tuple[str, str]]:
    for rule in _routes(app):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method


def test_every_route_has_a_rule_and_every_rule_a_route(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in _routes(app)}
    assert endpoints - set(RULES) == set(), "these routes say not who may use them"
    assert set(RULES) - endpoints == set(), "these rules are about nothing"
    assert all(rule.reason for rule in RULES.values() if isinstance(rule, Anyone))


def test_a_route_without_a_rule_is_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "health.healthz")
    assert app.test_client().get("/healthz").status_code == 404


def test_methods_are_get_and_post_and_changes_are_posts(app: Flask) -> None:
    seen = set(_methods(app))
    assert {method for _, method in seen} == {"GET", "POST"}
    assert {endpoint for endpoint, method in seen if method == "POST"} == CHANGING
    both = {endpoint for endpoint in CHANGING if (endpoint, "GET") in seen}
    assert both == {
        "auth.login", "auth.code", "auth.account", "auth.forgot", "auth.set_password",
        "auth.two_factor_setup", "auth.two_factor_off", "auth.recovery_codes", "people.invite",
    }, "their GET shows the form"  # fmt: skip


def test_no_get_changes_the_database(
    app: Flask, urls: dict[str, str], people: Callable[[Role], Person]
) -> None:
    """Accesses are logged and the reading of a mail is audited; all else stays as it is."""
    admin = people(Role.ADMIN)
    logs = {"accesses", "audit_events", "playbacks", "user_sessions"}

    def snapshot() -> dict[str, list[tuple[object, ...]]]:
        renew()
        return {
            table.name: [tuple(row) for row in db.session.execute(table.select())]
            for table in Base.metadata.sorted_tables
            if table.name not in logs
        }

    before = snapshot()
    for endpoint, method in _methods(app):
        if method == "GET":
            admin.browser.get(urls[endpoint])
    assert snapshot() == before


def test_every_post_of_a_browser_needs_a_csrf_token(
    app: Flask, urls: dict[str, str], people: Callable[[Role], Person]
) -> None:
    admin = people(Role.ADMIN)
    for endpoint in sorted(CHANGING):
        if isinstance(RULES[endpoint], Key | Token):
            continue
        for form in ({}, {"csrf_token": "forged"}):
            data = {**form, "files": (io.BytesIO(b"x"), "a.mp4")}
            answer = admin.browser.post(urls[endpoint], data=data)
            assert answer.status_code == 400, f"{endpoint} takes a forged form"
    assert admin.browser.get("/account").status_code == 200, "the session was ended by a forgery"


def test_nobody_is_let_in_without_login(
    app: Flask, urls: dict[str, str], client: FlaskClient
) -> None:
    for endpoint, method in _methods(app):
        answer = client.open(urls[endpoint], method=method)
        match RULES[endpoint]:
            case People():
                assert answer.status_code in ({302} if method == "GET" else {401}), endpoint
                if answer.status_code == 302:
                    assert answer.headers["Location"].startswith("/login?next=")
            case Key():
                assert answer.status_code == 401, endpoint


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_table_says_and_nothing_else(
    app: Flask, urls: dict[str, str], people: Callable[[Role], Person], role: Role
) -> None:
    person = people(role)
    # The last ones would end what the others need.
    order = sorted(_methods(app), key=lambda e: (e[0] == "auth.logout", "delete" in e[0]))
    for endpoint, method in order:
        rule = RULES[endpoint]
        if not isinstance(rule, People):
            continue
        if method == "POST":
            token = csrf_token(person.browser.get("/account").text)
            answer = person.browser.post(
                urls[endpoint], data={"csrf_token": token}, content_type="multipart/form-data"
            )
        else:
            answer = person.browser.get(urls[endpoint])
        allowed = rule.permission is None or may(role, rule.permission)
        refused = answer.status_code == 403
        assert refused != allowed, f"{role} {method} {endpoint}: {answer.status_code}"
        assert answer.status_code < 500, f"{endpoint}: {answer.status_code}"


def test_a_key_opens_what_keys_open_and_no_page(
    app: Flask, urls: dict[str, str], client: FlaskClient, api_key: str
) -> None:
    assert post_incident(client, api_key, {"message": "m"})["reference"]
    for endpoint, method in _methods(app):
        if isinstance(RULES[endpoint], People):
            answer = client.open(
                urls[endpoint], method=method, headers={"Authorization": f"Bearer {api_key}"}
            )
            assert answer.status_code in {302, 401}, endpoint


def test_every_answer_carries_the_protecting_headers(
    app: Flask, urls: dict[str, str], people: Callable[[Role], Person]
) -> None:
    admin = people(Role.ADMIN)
    paths = [urls[endpoint] for endpoint, method in _methods(app) if method == "GET"]
    for path in [*paths, "/nowhere", "/api/nowhere", "/stream/x/", "/video/x?token=y"]:
        answer = admin.browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        if not path.endswith("/html"):
            assert "unsafe" not in policy, path
            assert "http" not in policy, "another host is trusted"
        else:
            assert "sandbox" in policy
            assert "script" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Frame-Options"] in {"DENY", "SAMEORIGIN"}, path
        kept = answer.headers.get("Cache-Control", "")
        if path.endswith(("/poster", "/thumbnail")):
            # A list of fifty pictures is looked at again and again by the same person.
            assert kept == "private, max-age=300", path
        elif not path.startswith(("/static/", "/bootstrap/")):
            assert "no-store" in kept, path
        if answer.mimetype == "text/html" and not path.endswith("/html"):
            assert "<script>" not in answer.text, f"{path} has a script of its own"
            assert " style=" not in answer.text, f"{path} has a style of its own"
            assert not re.search(r" on[a-z]+=", answer.text), f"{path} has a handler of its own"
            assert not re.search(r'(src|href|action)="(https?:)?//', answer.text), path


@pytest.mark.parametrize(
    "path",
    [
        "/links/99999999999999999999/",
        "/links/?before=99999999999999999999",
        "/incidents/?before=-99999999999999999999",
        "/source-management/?before=99999999999999999999",
        "/source-management/?before=x",
        "/links/?q=%25_%5C'",
        "/links/?q=%00",
        "/incidents/%00/",
        "/source-management/file_999/",
        "/outbox/..%2f..%2fsecret-key/",
        "/outbox/99999999999999999999/",
        "/outbox/?before=99999999999999999999&q=%25",
        "/login?next=//[x",
        "/login?next=%2F%5C%5Bx",
        "/video/" + "x" * 3000 + "?token=" + "y" * 3000,
    ],
)
def test_no_address_is_an_accident(people: Callable[[Role], Person], path: str) -> None:
    answer = people(Role.ADMIN).browser.get(path)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:x",
        "/\t/evil.example",
    ],
)
def test_login_leads_to_no_other_site(people: Callable[[Role], Person], target: str) -> None:
    answer = people(Role.VIEWER).browser.get("/login", query_string={"next": target})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_a_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    people: Callable[[Role], Person],
) -> None:
    answer = people(Role.VIEWER).post("/language", locale="fr")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
