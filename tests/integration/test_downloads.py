"""Operators download an incident's clip and what was received: named, checked, audited."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import PASSWORD
from tests.helpers import Clock, Footage, Person, incident_document, log_in, post_incident, renew
from tests.library import ACTOR, STREAMED, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Incident, Role, Video, VideoStatus
from vigint_web.services.accounts import sites, users
from vigint_web.services.audit import trail
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.videos import intact
from vigint_web.services.videos.lifecycle import detach_and_delete_video

Work = Callable[[], None]
People = Callable[[Role], Person]


@pytest.fixture
def frames(footage: Footage) -> list[bytes]:
    return footage.frames(5)


@pytest.fixture
def incident(client: FlaskClient, api_key: str, frames: list[bytes], work: Work) -> Incident:
    """An incident of five frames whose clip is ready."""
    post_incident(client, api_key, incident_document(frames))
    work()
    renew()
    return db.session.query(Incident).one()


@pytest.fixture
def operator(people: People) -> Person:
    return people(Role.OPERATOR)


def _address(incident: Incident, part: str) -> str:
    assert incident.video is not None
    return f"/videos/{incident.video.public_id}/download/{part}"


def _page(person: Person, incident: Incident) -> str:
    return person.browser.get(f"/incidents/{incident.reference}/").text


def _filename(answer: TestResponse) -> str:
    header = answer.headers["Content-Disposition"]
    plain = re.search(r'^attachment; filename="([^"]+)"', header)
    extended = re.search(r"filename\*=UTF-8''(\S+)$", header)
    assert plain, header
    assert extended, header
    assert unquote(extended.group(1)) == plain.group(1)
    return plain.group(1)


def _events() -> list[tuple[str, str, str]]:
    renew()
    found = db.session.query(AuditEvent).filter(AuditEvent.action.endswith("_downloaded"))
    return [(row.actor, row.action, row.subject) for row in found.order_by(AuditEvent.id)]


def _path(incident: Incident, kind: str, config: Config) -> Path:
    assert incident.video is not None
    file = incident.video.file(kind)
    assert file is not None
    return config.media_dir / file.key


def test_the_clip_is_what_plays_under_a_name_that_says_where_and_when(
    operator: Person, incident: Incident, config: Config
) -> None:
    answer = operator.browser.get(_address(incident, "clip"))
    assert answer.status_code == 200
    assert answer.data == _path(incident, "playable", config).read_bytes()
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'
    assert answer.content_type == "video/mp4"
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert "no-store" in answer.headers["Cache-Control"]
    assert _filename(answer) == (
        f"Magasin-Lyon_Rayon-4_2026-03-29_01-30-00_{incident.reference}.mp4"
    )
    assert f'href="{_address(incident, "clip")}"' in _page(operator, incident)


def test_the_images_are_those_received_with_their_manifest(
    operator: Person, incident: Incident, frames: list[bytes], tmp_path: Path
) -> None:
    answer = operator.browser.get(_address(incident, "frames"))
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert _filename(answer).endswith(f"_{incident.reference}.zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        manifest = archive.read("manifest.json")
        entries = json.loads(manifest)
        assert hashlib.sha256(manifest).hexdigest() == incident.manifest_sha256
        assert [archive.read(entry["name"]) for entry in entries] == frames
    digests = [hashlib.sha256(frame).hexdigest() for frame in frames]
    assert [entry["sha256"] for entry in entries] == digests
    if shutil.which("unzip"):
        path = tmp_path / "frames.zip"
        path.write_bytes(answer.data)
        subprocess.run(["unzip", "-tq", str(path)], check=True, capture_output=True)


def test_a_video_as_received_is_offered_beside_the_clip(
    operator: Person, client: FlaskClient, api_key: str, footage: Footage, work: Work
) -> None:
    options = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-an")
    given = footage.clip("recorder.mkv", *options).read_bytes()
    document = json.dumps({"message": "m", "incident_data": {"camera": "Quai 2"}})
    form = {"incident": document, "video": (io.BytesIO(given), "recorder.mkv")}
    client.post("/api/v1/incidents", data=form, headers={"X-API-Key": api_key})
    work()
    renew()
    incident = db.session.query(Incident).one()
    answer = operator.browser.get(_address(incident, "original"))
    assert (answer.status_code, answer.content_type) == (200, "video/x-matroska")
    assert answer.data == given, "byte for byte"
    assert _filename(answer).endswith(f"_{incident.reference}_original.mkv")
    clip = operator.browser.get(_address(incident, "clip"))
    assert (clip.status_code, clip.data == given) == (200, False)
    page = _page(operator, incident)
    assert "Vidéo telle que reçue" in page
    assert operator.browser.get(_address(incident, "frames")).status_code == 404
    assert _address(incident, "frames") not in page


@pytest.mark.parametrize(
    ("site", "camera", "start"),
    [
        ("Entrepôt nord – œuvres", "Quai n° 2", "Entrepot-nord-oeuvres_Quai-n-2_"),
        ("../../etc/passwd", "CON", "etc-passwd_CON_"),
        ("a\\b:c*d?e<f>g|h", '"quoted"', "a-b-c-d-e-f-g-h_quoted_"),
        ("-rf; $(x)", "=1+1", "rf-x_1-1_"),
        ("x" * 190, "y" * 190, f"{'x' * 40}_{'y' * 40}_"),
        ("東京倉庫", "📹", r"site\d+_camera\d+_"),
        ("Two\nlines", None, "Two-lines_"),
    ],
)
def test_odd_names_become_names_that_every_system_accepts(
    operator: Person,
    library: Library,
    site: str,
    camera: str | None,
    start: str,
) -> None:
    video = library.incident()
    incident = library.incident_of(video)
    with transaction():
        incident.site_name = site
        assert incident.camera is not None
        if camera is None:
            incident.camera_id = None
        else:
            incident.camera.detector_name = camera
    name = _filename(operator.browser.get(_address(incident, "clip")))
    pattern = re.escape(start) if "\\d" not in start else start
    when = r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d"
    assert re.fullmatch(rf"{pattern}{when}_{incident.reference}\.mp4", name), name


@pytest.mark.parametrize("part", ["clip", "original"])
def test_ranges_continue_a_download(operator: Person, library: Library, part: str) -> None:
    incident = library.incident_of(library.incident())
    address = _address(incident, part)
    whole = operator.browser.get(address)
    tag = {"If-Range": whole.headers["ETag"]}
    rest = operator.browser.get(address, headers={"Range": "bytes=1000-", **tag})
    assert (rest.status_code, rest.data) == (206, STREAMED[1000:])
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(STREAMED) - 1}/{len(STREAMED)}"
    assert _filename(rest) == _filename(whole)


def test_each_download_is_one_row_however_many_ranges_it_takes(
    operator: Person, incident: Incident, clock: Clock
) -> None:
    address, subject = _address(incident, "clip"), f"incident:{incident.reference}"
    row = (operator.email, "incident:clip_downloaded", subject)
    tag = operator.browser.head(address).headers["ETag"]
    not_sent = ({"If-None-Match": tag}, {"Range": "bytes=999999999-"}, {"If-Match": '"x"'})
    assert [operator.browser.get(address, headers=h).status_code for h in not_sent] == [
        304, 416, 412,
    ]  # fmt: skip
    assert _events() == [], "no byte was sent"
    operator.browser.get(address)
    for first in range(1000, 5000, 1000):
        clock.forward(minutes=20)
        if first == 1000:
            runtime().seen.clear()  # as in another process
        operator.browser.get(address, headers={"Range": f"bytes={first}-{first + 999}"})
    assert _events() == [row]
    operator.browser.get(address)
    assert _events() == [row, row], "a second download is another one"
    clock.forward(minutes=31)
    operator.browser.get(address, headers={"Range": "bytes=7-"})
    assert _events() == [row] * 3, "ranges alone do not evade the trail"
    operator.browser.get(_address(incident, "frames"))
    assert _events()[3:] == [(operator.email, "incident:frames_downloaded", subject)]
    assert trail.first_broken_event() is None


def test_the_timeline_says_who_downloaded_what(operator: Person, incident: Incident) -> None:
    for part in ("clip", "frames"):
        operator.browser.get(_address(incident, part))
    page = _page(operator, incident)
    assert f"{operator.email} a téléchargé la vidéo</span>" in page
    assert f"{operator.email} a téléchargé les images telles que reçues</span>" in page
    english = _page(operator.speaking("en"), incident)
    assert f"{operator.email} downloaded the images as received</span>" in english


@pytest.mark.parametrize(
    ("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 200), (Role.ADMIN, 200)]
)
@pytest.mark.parametrize("part", ["clip", "original"])
def test_who_may(people: People, library: Library, role: Role, status: int, part: str) -> None:
    incident = library.incident_of(library.incident())
    person = people(role)
    assert person.browser.get(_address(incident, part)).status_code == status
    assert (_address(incident, part) in _page(person, incident)) is (status == 200)
    assert len(_events()) == (status == 200)


def test_another_sites_operator_learns_nothing(app: Flask, library: Library) -> None:
    incident = library.incident_of(library.incident())
    site = sites.get_or_add_site("elsewhere")
    users.create_user(ACTOR, "stranger@example.com", PASSWORD, Role.OPERATOR, site)
    browser = app.test_client()
    assert browser.get(_address(incident, "clip")).status_code == 302
    log_in(browser, "stranger@example.com", PASSWORD)
    assert incident.video is not None
    for public_id in (incident.video.public_id, "vid_0000000000000000"):
        for part in ("clip", "original", "frames", "other"):
            assert browser.get(f"/videos/{public_id}/download/{part}").status_code == 404
    assert _events() == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (VideoStatus.PROCESSING, "La vidéo pourra être téléchargée dès qu’elle sera prête."),
        (VideoStatus.FAILED, "Aucune vidéo à télécharger\u00a0: elle n’a pas pu être créée."),
    ],
)
def test_without_a_clip_a_sentence_says_so_and_what_came_is_offered(
    operator: Person, incident: Incident, status: VideoStatus, sentence: str
) -> None:
    with transaction() as session:
        session.get_one(Video, incident.video_id).status = status
    page = _page(operator, incident)
    assert sentence in page
    assert _address(incident, "clip") not in page
    assert operator.browser.get(_address(incident, "clip")).status_code == 404
    assert _address(incident, "frames") in page
    assert operator.browser.get(_address(incident, "frames")).status_code == 200


@pytest.mark.parametrize(("part", "kind"), [("clip", "playable"), ("frames", "frames")])
def test_a_missing_file_is_a_sentence(
    operator: Person, incident: Incident, config: Config, part: str, kind: str
) -> None:
    _path(incident, kind, config).unlink()
    page = _page(operator, incident)
    assert _address(incident, part) not in page
    assert "le fichier est introuvable dans le stockage" in page
    answer = operator.browser.get(_address(incident, part))
    assert answer.status_code == 404
    assert "Ce fichier ne peut pas être téléchargé" in answer.text
    assert _events() == []


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", ["first", "middle", "last", "shorter", "longer", "empty"])
@pytest.mark.parametrize(("part", "kind"), [("clip", "playable"), ("frames", "frames")])
def test_a_damaged_file_is_not_sent_as_evidence(
    operator: Person, incident: Incident, config: Config, part: str, kind: str, damage: str
) -> None:
    path = _path(incident, kind, config)
    data = path.read_bytes()
    if damage in {"first", "middle", "last"}:
        # The last bytes of a ZIP are the length of its comment.
        _flip(path, {"first": 0, "middle": len(data) // 2, "last": len(data) - 1}[damage])
    else:
        path.write_bytes({"shorter": data[:-1], "longer": data + b"x", "empty": b""}[damage])
    answer = operator.browser.get(_address(incident, part))
    assert answer.status_code == 409
    assert "Le fichier stocké est endommagé" in answer.text
    assert "Content-Disposition" not in answer.headers
    assert _events() == []


def test_images_that_were_exchanged_with_their_manifest_are_not_sent(
    operator: Person, incident: Incident, config: Config
) -> None:
    path = _path(incident, "frames", config)
    with zipfile.ZipFile(path) as archive:
        items = {info.filename: archive.read(info) for info in archive.infolist()}
    entries = json.loads(items["manifest.json"])
    name = entries[0]["name"]
    items[name] = items[name][:-1] + b"x"
    entries[0]["sha256"] = hashlib.sha256(items[name]).hexdigest()
    items["manifest.json"] = json.dumps(entries, indent=1).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for filename, data in items.items():
            archive.writestr(zipfile.ZipInfo(filename, (1980, 1, 1, 0, 0, 0)), data)
    assert operator.browser.get(_address(incident, "frames")).status_code == 409


def test_of_a_large_file_the_length_and_the_list_are_checked(
    operator: Person,
    incident: Incident,
    config: Config,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intact, "READ_WHOLE", 100)
    for part in ("clip", "frames"):
        assert operator.browser.get(_address(incident, part)).status_code == 200
    path = _path(incident, "frames", config)
    path.write_bytes(path.read_bytes()[:-30])
    clock.forward(minutes=11)  # what was found is forgotten
    assert operator.browser.get(_address(incident, "frames")).status_code == 409


def test_a_deleted_video_offers_nothing(operator: Person, incident: Incident) -> None:
    addresses = [_address(incident, part) for part in ("clip", "frames")]
    assert incident.video is not None
    detach_and_delete_video(ACTOR, incident.video)
    renew()
    assert "/download/" not in _page(operator, incident)
    for address in addresses:
        assert operator.browser.get(address).status_code == 404


def test_the_video_of_a_source_is_not_an_incidents(operator: Person, library: Library) -> None:
    video = library.source().video
    assert operator.browser.get(f"/videos/{video.public_id}/download/clip").status_code == 404
