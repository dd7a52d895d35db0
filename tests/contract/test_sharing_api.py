"""Sharing by programs: a mailed link for each recipient, and its revocation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD
from tests.helpers import mails, path_of, renew, text_of
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, Link, Role, Scope, Video
from vigint_web.services.accounts import api_keys, sites, users
from vigint_web.services.core.runtime import runtime
from vigint_web.services.links.links import private_url
from vigint_web.services.review.confidentiality import restrict

WHY = "Demande de la gendarmerie"
TO = "garde@example.com"


@pytest.fixture
def key(app: Flask) -> str:
    return api_keys.create_api_key(ACTOR, "centre", sites.default_site(), {Scope.SHARE})


@pytest.fixture
def video(library: Library) -> Video:
    return library.incident()


@pytest.fixture
def ask(client: FlaskClient, key: str) -> Callable[..., Any]:
    """Post to an address of the sharing API."""

    def post(path: str, body: Any, status: int, name: str = "", key: str = key) -> Any:
        headers = {"X-API-Key": key, **({"Idempotency-Key": name} if name else {})}
        answer = client.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.get_json()

    return post


def _links(video: Video) -> str:
    incident = db.session.query(Incident).filter_by(video_id=video.id).one()
    return f"/incidents/{incident.reference}/links"


def _count() -> int:
    renew()
    return db.session.query(Link).filter(Link.recipient.is_not(None)).count()


def test_each_recipient_is_mailed_a_link(
    ask: Callable[..., Any],
    video: Video,
    work: Callable[[], None],
    config: Config,
    client: FlaskClient,
) -> None:
    body = {"recipients": [TO, "b@example.com", TO], "message": "Vu", "reason": WHY, "hours": 2}
    shared = ask(_links(video), body, 201)["links"]
    assert [link["recipient"] for link in shared] == [TO, "b@example.com"]
    assert {link["reason"] for link in shared} == {WHY}
    assert {link["state"] for link in shared} == {"live"}
    work()
    renew()
    sent = {str(mail["To"]): mail for mail in mails(config)}
    assert set(sent) == {TO, "b@example.com"}
    assert "Vu" in text_of(sent[TO])
    assert WHY not in text_of(sent[TO])
    link = db.session.get_one(Link, shared[0]["id"])
    address = private_url(link, link.video.public_id)
    assert address in text_of(sent[TO])
    assert client.get(path_of(address)).status_code == 200
    event = db.session.query(AuditEvent).filter_by(subject=f"link:{link.id}").one()
    assert (event.action, event.detail["reason"]) == ("link:minted", WHY)
    assert event.actor.startswith("key:vgk_")
    revoked = ask(f"/links/{link.id}/revocation", {"reason": "sent by mistake"}, 200)
    assert revoked["state"] == "revoked"
    assert client.get(path_of(address)).status_code == 410
    again = ask(f"/links/{link.id}/revocation", {}, 200)
    assert again["revoked_at"] == revoked["revoked_at"]
    renew()
    assert db.session.get_one(Link, link.id).revoked_reason == "sent by mistake"


def test_a_reason_is_required_where_the_site_says_so(ask: Callable[..., Any], video: Video) -> None:
    address, site = _links(video), sites.default_site()
    facts = replace(sites.facts_of(site), sharing_needs_reason=True)
    sites.edit_site(ACTOR, site.id, facts)
    for reason in ({}, {"reason": "  "}):
        refused = ask(address, {"recipients": [TO], **reason}, 422)
        assert refused["code"] == "invalid_request"
        assert "require a reason" in refused["error"]
    assert _count() == 0
    ask(address, {"recipients": [TO], "reason": WHY}, 201)
    assert _count() == 1


def test_a_repeated_request_shares_once(
    ask: Callable[..., Any], video: Video, work: Callable[[], None], config: Config
) -> None:
    address, body = _links(video), {"recipients": [TO]}
    first = ask(address, body, 201, name="one")
    assert ask(address, body, 201, name="one") == first
    other = {"recipients": ["b@example.com"]}
    assert ask(address, other, 409, name="one")["code"] == "idempotency_conflict"
    work()
    assert (_count(), len(mails(config))) == (1, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "recipients"),
        ({"recipients": []}, "at least one address"),
        ({"recipients": "garde@example.com"}, "must be a list of texts"),
        ({"recipients": [7]}, "must be a list of texts"),
        ({"recipients": ["nobody"]}, "nobody is not an e-mail address"),
        ({"recipients": [f"{n}@example.com" for n in range(21)]}, "At most 20 addresses"),
        ({"recipients": [TO], "hours": 0}, "hours must be a number above 0"),
        ({"recipients": [TO], "hours": 24 * 400}, "The footage will be deleted before then"),
        ({"recipients": [TO], "reason": "x" * 501}, "500"),
        ({"recipients": [TO], "reasons": WHY}, "reasons"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_shared(
    ask: Callable[..., Any], video: Video, body: dict[str, Any], words: str
) -> None:
    refused = ask(_links(video), body, 422)
    assert refused["code"] == "invalid_request"
    assert words in refused["error"]
    assert _count() == 0


def test_only_allowed_domains_are_mailed(
    ask: Callable[..., Any], video: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(runtime().config, recipient_domains=("example.org",))
    monkeypatch.setattr(runtime(), "config", settings)
    address = _links(video)
    refused = ask(address, {"recipients": [TO, "a@example.org"]}, 422)
    assert f"may not mail {TO}" in refused["error"]
    assert _count() == 0
    ask(address, {"recipients": ["a@example.org"]}, 201)


def test_a_key_shares_within_its_site_and_scope(
    app: Flask, ask: Callable[..., Any], library: Library, video: Video
) -> None:
    lyon = sites.get_or_add_site("lyon")
    body = {"recipients": [TO]}
    elsewhere = library.incident(site=lyon)
    ask(_links(elsewhere), body, 404)
    theirs = library.person_link(elsewhere, recipient=TO).id
    ask(f"/links/{theirs}/revocation", {}, 404)
    others = api_keys.create_api_key(
        ACTOR, "others", sites.default_site(), set(Scope) - {Scope.SHARE}
    )
    assert ask(_links(video), body, 403, key=others)["code"] == "insufficient_scope"
    hidden = library.incident()
    link = library.person_link(hidden, recipient=TO).id
    address = _links(hidden)
    admin = users.create_user(ACTOR, "admin2@example.com", PASSWORD, Role.ADMIN)
    restrict(ACTOR, address.split("/")[2], {admin.id}, seen=0)
    ask(address, body, 404)
    ask(f"/links/{link}/revocation", {}, 404)
