"""An incident's workflow: posted, stored, encoded, linked, mailed, watched."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.helpers import Footage, incident_document, mails, path_of, post_incident, text_of
from vigint_web.config.config import Config

pytestmark = pytest.mark.both_databases(reason="the main job")

Work = Callable[[], None]


def test_forty_frames_become_a_watched_clip_of_four_seconds(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, config: Config
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(40)))
    waiting = client.get(path_of(accepted["private_link"]))
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

    [mail] = mails(config)
    assert mail["Subject"] == "🚨 Alerte Vigint - Vol à l'étalage - [HIGH]"
    text = text_of(mail)
    link = re.search(r"Lien privé sécurisé: (\S+)", text)
    assert link, text
    page = client.get(path_of(link.group(1)))
    assert page.status_code == 200
    stream = re.search(r'src="(/stream/[^"]+)"', page.text)
    assert stream, "the page has a player"
    part = client.get(stream.group(1).replace("&amp;", "&"), headers={"Range": "bytes=0-99"})
    assert part.status_code == 206
    assert part.data[4:8] == b"ftyp"
    assert part.headers["ETag"] == f'"{status["file_hash"]}"'
