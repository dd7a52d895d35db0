"""Additions of the detector's library beside the facts: spooled alerts, unreadable frames, the
type.
"""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import mails, post_incident
from vigint_web.config.config import Config

pytestmark = pytest.mark.both_databases(reason="JSON")

Work = Callable[[], None]


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\xa0", " ")


def _mailed(client: FlaskClient, key: str, work: Work, config: Config, **data: Any) -> str:
    post_incident(client, key, {"message": "m", "incident_data": {"camera": "Quai 2", **data}})
    work()
    [mail] = mails(config)
    return _text(mail)


@pytest.mark.parametrize(
    ("skipped", "sentence"),
    [
        (12, "Le détecteur avait 12 images, qui n’ont pas pu être lues"),
        (1, "Le détecteur avait 1 image, qui n’a pas pu être lue"),
        (0, "arrivée sans image"),
        (True, "arrivée sans image"),
        (-3, "arrivée sans image"),
        ("many", "arrivée sans image"),
        (10**30, "arrivée sans image"),
    ],
)
def test_the_mail_says_why_there_is_no_video(
    client: FlaskClient, api_key: str, work: Work, config: Config, skipped: object, sentence: str
) -> None:
    assert sentence in _mailed(client, api_key, work, config, frames_skipped=skipped)


def test_the_type_of_a_plain_alert(
    client: FlaskClient, api_key: str, work: Work, config: Config
) -> None:
    text = _mailed(client, api_key, work, config, alert_type="info", incident_type="info")
    assert "Type d'alerte: INFO" in text


def test_what_was_kept_is_the_same_request(client: FlaskClient, api_key: str) -> None:
    document = {"message": "m", "incident_data": {"camera": "Quai 2"}}
    headers = {"Authorization": f"Bearer {api_key}", "Idempotency-Key": "kept-1"}
    first = client.post("/api/v1/incidents", json=document, headers=headers)
    late = document | {"kept_since": "2026-11-29T10:00:00+00:00"}
    again = client.post("/api/v1/incidents", json=late, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.get_json()["incident_id"] == first.get_json()["incident_id"]


def test_the_version_is_said_for_those_who_wait_for_another(client: FlaskClient) -> None:
    answer = client.get("/healthz").get_json()
    assert answer["status"] == "ok"
    assert answer["version"]
