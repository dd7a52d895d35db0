"""Every route states its rule, and follows it."""

import io
import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from tests.architecture.conftest import methods_of, routes_of
from tests.helpers import Person, renew
from vigint_web.extensions import Base, db
from vigint_web.http.security.rules import RULES, Anyone, Key, Token
from vigint_web.models import Role

# Every changing route is in this list, and none of them is a GET.
CHANGING = {
    "auth.login", "auth.logout", "auth.language", "auth.account", "auth.preferences",
    "sources.upload", "sources.retry", "sources.cancel", "sources.delete", "sources.rotate",
    "sources.save", "sources.change_chosen", "sources.keep_duplicate", "sources.token_end",
    "sources.revoke_token",
    "incidents.retry", "incidents.retry_alert", "incidents.delete_test", "incidents.delete_tests",
     "links.revoke", "ingest.create",
    "review.decide", "incidents.add_note", "review.assign", "review.record",
    "review.change_chosen", "logbook.save", "review.restrict", "review.lift",
    "incident_review.decide", "incident_review.add_note", "incident_review.record",
    "incident_review.assign", "incident_sharing.share", "incident_sharing.revoke",
    "review.add_reason", "review.rename_reason", "review.retire_reason",
    "auth.code", "auth.forgot", "auth.set_password", "auth.end_session", "auth.end_other_sessions",
    "auth.begin_two_factor", "auth.two_factor_setup", "auth.two_factor_off", "auth.recovery_codes",
    "people.invite", "people.set_access", "people.resend", "people.send_reset", "people.show_link",
    "people.reset_two_factor", "people.end_sessions", "people.deactivate", "people.reactivate",
    "sites.add", "sites.save", "sites.set_people", "cameras.add", "cameras.save",
    "imports.preview", "imports.apply",
    "keys.create", "keys.revoke", "dashboard.test_alert",
    "dashboard.report_reach",
    "sharing.share", "sharing.expiry", "sharing.send_again", "sharing.address",
    "sharing.revoke_many", "hosting.upload", "hosting.extend", "hosting.delete",
    "uploads.create", "uploads.receive", "uploads.terminate",
    "outbox.retry", "outbox.send_held", "outbox.drop_held", "retention.confirm", "retention.keep",
    "retention.confirm_camera", "retention.keep_camera",
}  # fmt: skip
# Browser forms support GET and POST only: other methods are for programs, and for scripts.
OF_PROGRAMS = {
    ("hosting.delete", "DELETE"),
    ("uploads.receive", "PATCH"),
    ("uploads.terminate", "DELETE"),
}


def test_every_route_has_a_rule_and_every_rule_a_route(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in routes_of(app)}
    assert endpoints - set(RULES) == set(), "these routes say not who may use them"
    assert set(RULES) - endpoints == set(), "these rules are about nothing"
    assert all(rule.reason for rule in RULES.values() if isinstance(rule, Anyone))


def test_a_route_without_a_rule_is_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(RULES, "health.healthz")
    assert app.test_client().get("/healthz").status_code == 404


def test_methods_are_get_and_post_and_changes_are_posts(app: Flask) -> None:
    seen = set(methods_of(app))
    assert {pair for pair in seen if pair[1] not in {"GET", "POST"}} == OF_PROGRAMS
    assert {endpoint for endpoint, method in seen if method != "GET"} == CHANGING
    both = {endpoint for endpoint in CHANGING if (endpoint, "GET") in seen}
    assert both == {
        "auth.login", "auth.code", "auth.account", "auth.forgot", "auth.set_password",
        "auth.two_factor_setup", "auth.two_factor_off", "auth.recovery_codes", "people.invite",
    }, "their GET shows the form"  # fmt: skip


def test_no_get_changes_the_database(
    app: Flask, urls: dict[str, str], people: Callable[[Role], Person]
) -> None:
    """Accesses, what a person has read and visits are logged, and reading a mail is audited.

    Everything else is unchanged.
    """
    admin = people(Role.ADMIN)
    logs = {"accesses", "audit_events", "incident_reads", "playbacks", "user_sessions"}
    visits = {"list_seen_at", "list_seen_before_at"}

    def snapshot() -> dict[str, list[tuple[object, ...]]]:
        renew()
        return {
            table.name: [
                tuple(row)
                for row in db.session.execute(
                    select(*(one for one in table.columns if one.name not in visits))
                )
            ]
            for table in Base.metadata.sorted_tables
            if table.name not in logs
        }

    before = snapshot()
    for endpoint, method in methods_of(app):
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
        method = next((m for e, m in OF_PROGRAMS if e == endpoint), "POST")
        for form in ({}, {"csrf_token": "forged"}):
            data = {**form, "files": (io.BytesIO(b"x"), "a.mp4")}
            headers = {"Tus-Resumable": "1.0.0"}
            answer = admin.browser.open(urls[endpoint], method=method, data=data, headers=headers)
            assert answer.status_code == 400, f"{endpoint} takes a forged form"
    assert admin.browser.get("/account").status_code == 200, "the session was ended by a forgery"


def test_every_answer_carries_the_protecting_headers(
    app: Flask, urls: dict[str, str], people: Callable[[Role], Person]
) -> None:
    admin = people(Role.ADMIN)
    paths = [urls[endpoint] for endpoint, method in methods_of(app) if method == "GET"]
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
        if path.endswith(("/poster", "/thumbnail", "/sprite.jpg")):
            # A list of fifty pictures is opened repeatedly by the same user.
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
