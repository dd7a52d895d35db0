"""A confirmation is stated in mails, on a link's page and by the API."""

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, mails
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.config.config import Config
from vigint_web.models import IncidentState, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import command_line
from vigint_web.services.links import sharing
from vigint_web.services.review import decisions

NEW, CONFIRMED = IncidentState.NEW, IncidentState.CONFIRMED
KARIM = command_line("karim@example.com")


def test_a_mail_about_a_link_says_who_confirmed(
    app: Flask, config: Config, library: Library, work: Callable[[], None]
) -> None:
    incident = library.incident_of(library.incident())
    assert incident.video is not None
    decisions.decide(KARIM, incident.reference, CONFIRMED, seen=NEW)
    terms = sharing.Terms(expires_at=utcnow() + timedelta(hours=24))
    sharing.share_video(ACTOR, incident.video.public_id, ["police@example.com"], terms)
    work()
    [mail] = mails(config)
    text = mail.get_body(("plain",))
    assert text is not None
    assert "Confirmée par karim@example.com" in text.get_content()


def test_the_page_of_a_link_says_who_confirmed(
    client: FlaskClient, library: Library, clock: Clock
) -> None:
    incident = library.incident_of(library.incident())
    assert incident.video is not None
    token = library.person_token(incident.video)
    address = f"/video/{incident.video.public_id}?token={token}"
    assert "non vérifiée par une personne" in client.get(address).text
    decisions.decide(KARIM, incident.reference, CONFIRMED, seen=NEW)
    clock.forward(seconds=9)
    assert "non vérifiée par une personne" in client.get(address).text, "it may be undone"
    clock.forward(seconds=2)
    page = client.get(address).text
    assert "Confirmée par karim@example.com" in page
    assert "non vérifiée par une personne" not in page


def test_the_api_gives_the_judgement_to_the_key_that_posted(
    client: FlaskClient, app: Flask, clock: Clock
) -> None:
    scopes = {Scope.INGEST, Scope.READ}
    key = api_keys.create_api_key(ACTOR, "detector", sites.default_site(), scopes)
    headers = {"Authorization": f"Bearer {key}"}
    body = {"message": "Vol", "incident_data": {"incident_type": "theft"}, "recipients": []}
    posted = client.post("/api/v1/incidents", json=body, headers=headers).get_json()
    status = f"/api/v1/incidents/{posted['reference']}"
    facts = ("decision", "reason", "decided_at")
    assert [client.get(status, headers=headers).get_json()[name] for name in facts] == [None] * 3
    decisions.decide(
        KARIM, posted["reference"], IncidentState.FALSE_ALARM, seen=NEW, reason="animal"
    )
    clock.forward(seconds=9)
    answer = client.get(status, headers=headers).get_json()
    assert [answer[name] for name in facts] == [None] * 3, "it may be undone"
    clock.forward(seconds=2)
    answer = client.get(status, headers=headers).get_json()
    assert (answer["decision"], answer["reason"]) == ("false_alarm", "animal")
    assert answer["decided_at"].endswith("+00:00")
    [listed] = client.get("/api/v1/incidents", headers=headers).get_json()["incidents"]
    assert (listed["state"], listed["decision"]) == ("false_alarm", "false_alarm")
    decisions.decide(KARIM, posted["reference"], NEW, seen=IncidentState.FALSE_ALARM)
    assert client.get(status, headers=headers).get_json()["decision"] is None
