"""Clips of incidents carry their time, camera and site; received bytes and sources do not."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import START, Footage, Person, incident_document, post_incident, renew
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.media.runner import Runner, guarded_input
from vigint_web.media.tools import find_tools
from vigint_web.models import Incident, Role, Source, Video

Work = Callable[[], None]
MKV = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-an")


def _tags(path: Path) -> dict[str, str]:
    question = ["-show_entries", "format_tags", "-of", "json", *guarded_input(path)]
    answer = Runner(find_tools()).run(question, program="ffprobe", capture=True)
    tags: dict[str, str] = json.loads(answer.stdout)["format"]["tags"]
    return tags


def _file(video: Video | None, kind: str, config: Config) -> Path:
    assert video is not None
    file = video.file(kind)
    assert file is not None
    path = config.media_dir / file.key
    assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    return path


def _incident() -> Incident:
    renew()
    return db.session.query(Incident).one()


def test_a_clip_of_frames(
    client: FlaskClient, api_key: str, footage: Footage, work: Work, config: Config
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    incident = _incident()
    tags = _tags(_file(incident.video, "playable", config))
    assert tags["creation_time"] == START.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert tags["date"] == "2026-03-29T01:30:00+01:00"
    assert tags["title"] == "Magasin Lyon – Rayon 4"
    assert (tags["artist"], tags["album"]) == ("Rayon 4", "Magasin Lyon")
    assert tags["comment"] == f"Incident {incident.reference}, recording began"


def test_without_credible_times_it_is_that_of_the_detection(
    client: FlaskClient, api_key: str, footage: Footage, work: Work, config: Config
) -> None:
    document = incident_document(footage.frames(2))
    for position, image in enumerate(document["frames"]):
        image["timestamp"] = position * 0.04  # the position in a stream
    facts = {"detected_at": "2026-03-29T00:10:00Z", "site": "\n-i\0=x", "camera": ""}
    document["incident_data"] |= facts
    post_incident(client, api_key, document)
    work()
    incident = _incident()
    tags = _tags(_file(incident.video, "playable", config))
    assert tags["creation_time"][:19] == "2026-03-29T00:10:00"
    assert tags["comment"] == f"Incident {incident.reference}, time of detection"
    assert tags["album"].endswith("-i=x")


def test_a_video_as_received_is_not_touched_its_rendition_is_labelled(
    client: FlaskClient, api_key: str, footage: Footage, work: Work, config: Config
) -> None:
    given = footage.clip("recorder.mkv", *MKV).read_bytes()
    facts = {"site": "Dépôt", "camera": "Quai", "detected_at": "2026-03-29T00:30:00Z"}
    document = json.dumps({"message": "m", "incident_data": facts})
    answer = client.post(
        "/api/v1/incidents",
        data={"incident": document, "video": (io.BytesIO(given), "recorder.mkv")},
        headers={"X-API-Key": api_key},
    )
    assert answer.status_code == 202, answer.text
    work()
    video = _incident().video
    assert _file(video, "original", config).read_bytes() == given
    tags = _tags(_file(video, "playable", config))
    assert (tags["title"], tags["creation_time"][:19]) == ("Dépôt – Quai", "2026-03-29T00:30:00")
    assert tags["comment"].endswith("time of detection")


def test_a_source_says_nothing_to_those_who_get_its_file(
    app: Flask, people: Callable[[Role], Person], footage: Footage, work: Work, config: Config
) -> None:
    unchanged = footage.clip("plays.mp4").read_bytes()
    converted = footage.clip("recorder.mkv", *MKV).read_bytes()
    people(Role.OPERATOR).upload(("plays.mp4", unchanged), ("recorder.mkv", converted))
    work()
    renew()
    found = {source.video.original_name: source for source in db.session.query(Source)}
    assert _file(found["plays.mp4"].video, "playable", config).read_bytes() == unchanged
    source = found["recorder.mkv"]
    assert _file(source.video, "original", config).read_bytes() == converted
    tags = _tags(_file(source.video, "playable", config))
    told = {"title", "artist", "album", "comment", "date", "creation_time"}
    assert not told & set(tags), "a link may not grant that"
