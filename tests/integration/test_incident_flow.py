"""An incident's way: posted, stored, encoded, linked, mailed, watched."""

import email
import json
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.helpers import START, Footage, incident_document
from vigint_web.config import Config
from vigint_web.extensions import db
from vigint_web.media.tools import find_tools
from vigint_web.models import Alert, AlertState, Incident, Video

Work = Callable[[], None]


def _post(client: FlaskClient, key: str, document: object, **headers: str) -> dict[str, str]:
    answer = client.post(
        "/api/v1/incidents",
        json=document,
        headers={"Authorization": f"Bearer {key}", **headers},
    )
    assert answer.status_code == 202, answer.text
    return dict(answer.get_json())


def _path(link: str) -> str:
    assert link.startswith("http://vigint.test/")
    return link.removeprefix("http://vigint.test")


def _mails(config: Config) -> list[email.message.EmailMessage]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted(config.outbox_dir.glob("*.eml"))
    ]


def test_forty_frames_become_a_watched_clip_of_four_seconds(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, config: Config
) -> None:
    accepted = _post(client, api_key, incident_document(footage.frames(40)))
    waiting = client.get(_path(accepted["private_link"]))
    assert waiting.status_code == 409, "a link works at once, its page says the video is prepared"
    work()
    status = client.get(
        f"/api/v1/incidents/{accepted['incident_id']}", headers={"X-API-Key": api_key}
    ).get_json()
    assert status["state"] == "ready", status
    assert status["done"] is True
    assert status["duration"] == pytest.approx(4.0, abs=0.1)
    assert status["frames"] == {"received": 40, "used": 40, "left_out": 0}
    assert status["pace_known"] is True
    [delivery] = status["deliveries"]
    assert (delivery["state"], delivery["kind"]) == ("sent", "video")

    [mail] = _mails(config)
    assert mail["Subject"] == "🚨 Alerte Vigint - Vol à l'étalage - [HIGH]"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    link = re.search(r"Lien privé sécurisé: (\S+)", text)
    assert link, text
    page = client.get(_path(link.group(1)))
    assert page.status_code == 200
    stream = re.search(r'src="(/stream/[^"]+)"', page.text)
    assert stream, "the page has a player"
    part = client.get(stream.group(1).replace("&amp;", "&"), headers={"Range": "bytes=0-99"})
    assert part.status_code == 206
    assert part.data[4:8] == b"ftyp"
    assert part.headers["ETag"] == f'"{status["file_hash"]}"'
