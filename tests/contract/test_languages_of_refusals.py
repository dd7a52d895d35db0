"""Every refusal is a sentence in the language that was asked for; code and status are the same."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from vigint_web.clock import utcnow
from vigint_web.http.uploads.tus import OFFSET_TYPE
from vigint_web.models import Incident, RiskLevel, Scope
from vigint_web.services.accounts import api_keys, sites
from vigint_web.services.core.actors import command_line
from vigint_web.services.core.transactions import transaction


@dataclass(frozen=True)
class Asked:
    """A request with a mistake."""

    method: str
    path: str
    json: Any = None
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    mimetype: str | None = None


_EXTEND, _INCIDENTS = "/api/v1/videos/link/extend", "/api/v1/incidents"
_HOSTING, _UPLOADS = "/api/v1/videos/upload", "/api/v1/uploads/"
_DECISION, _NOTES = f"{_INCIDENTS}/INC-1/decision", f"{_INCIDENTS}/INC-1/notes"
_TUS = {"Tus-Resumable": "1.0.0"}
_NAMED = {**_TUS, "Upload-Length": "9", "Upload-Metadata": "filename Y2xpcC5tcDQ="}


def _form(part: str, metadata: object = None, **fields: str) -> dict[str, Any]:
    parts = {} if metadata is None else {"metadata": json.dumps(metadata)}
    return {part: (io.BytesIO(b"of no format"), "clip.mp4"), **parts, **fields}


def _begins(**changed: str) -> Asked:
    headers = {**_NAMED, **{name.replace("_", "-"): value for name, value in changed.items()}}
    present = {name: text for name, text in headers.items() if text}
    if "Upload-Checksum" not in present:  # it is compared with the first bytes
        return Asked("POST", _UPLOADS, headers=present)
    return Asked("POST", _UPLOADS, data=b"bytes", headers=present, mimetype=OFFSET_TYPE)


MISTAKEN = {
    "no hours": Asked("POST", _EXTEND, json={"video_id": "one", "additional_hours": 0}),
    "hours that are a text": Asked(
        "POST", _EXTEND, json={"video_id": "one", "additional_hours": "many"}
    ),
    "no video": Asked("POST", _EXTEND, json={}),
    "an extension that is a list": Asked("POST", _EXTEND, json=[]),
    "an unknown video": Asked("POST", _EXTEND, json={"video_id": "unknown"}),
    "a long key of an extension": Asked(
        "POST", _EXTEND, json={"video_id": "one"}, headers={"Idempotency-Key": "k" * 256}
    ),
    "an empty incident": Asked("POST", _INCIDENTS, json={}),
    "an incident that is a list": Asked("POST", _INCIDENTS, json=[1]),
    "no JSON": Asked("POST", _INCIDENTS, data=b"{", mimetype="application/json"),
    "a long key of an incident": Asked(
        "POST", _INCIDENTS, json={"message": "x"}, headers={"Idempotency-Key": "k" * 256}
    ),
    "too many frames": Asked("POST", _INCIDENTS, json={"frames": [""] * 2001}),
    "a form of an incident that is a list": Asked("POST", _INCIDENTS, data={"incident": "[]"}),
    "a form of an incident that is a number": Asked("POST", _INCIDENTS, data={"incident": "1"}),
    "a form of an incident that is no JSON": Asked("POST", _INCIDENTS, data={"incident": "{"}),
    "a form without an incident": Asked("POST", _INCIDENTS, data={"unknown": ""}),
    "no file": Asked("POST", _HOSTING, data={"metadata": "{"}),
    "no form": Asked("POST", _HOSTING, json={}),
    "a damaged form": Asked(
        "POST", _HOSTING, data=b"--x\r\n", mimetype="multipart/form-data; boundary=x"
    ),
    "no decision": Asked("POST", _DECISION, json={"decision": "x"}),
    "a decision with a misspelt member": Asked(
        "POST", _DECISION, json={"decision": "confirmed", "raison": "x"}
    ),
    "a confirmation with a reason": Asked(
        "POST", _DECISION, json={"decision": "confirmed", "reason": "animal"}
    ),
    "an empty note": Asked("POST", _NOTES, json={"text": ""}),
    "a note of control characters": Asked("POST", _NOTES, json={"text": "a\x07"}),
    "a note that is too long": Asked("POST", _NOTES, json={"text": "x" * 2001}),
    "a filter by no state": Asked("GET", f"{_INCIDENTS}?state=x&assignee=x"),
    "a wrong hash": Asked("POST", _HOSTING, data=_form("video", {"file_hash": "0" * 64})),
    "no hash": Asked("POST", _HOSTING, data=_form("video", {"file_hash": "none"})),
    "no id": Asked("POST", _HOSTING, data=_form("video", {"video_id": "-"})),
    "two ids": Asked(
        "POST", _HOSTING, data=_form("video", {"video_id": "a"}), headers={"X-Video-ID": "b"}
    ),
    "all at once": Asked(
        "POST", _HOSTING, data={"metadata": json.dumps({"video_id": "-", "file_hash": "none"})}
    ),
    "no page": Asked("GET", "/api/v1/links?limit=0&before=none"),
    "no length": _begins(Upload_Length=""),
    "a length that comes later": _begins(Upload_Defer_Length="1"),
    "no name": _begins(Upload_Metadata=""),
    "metadata that is no pair": _begins(Upload_Metadata="é ,"),
    "metadata that is no base64": _begins(Upload_Metadata="filename ***"),
    "an unknown checksum": _begins(Upload_Checksum="crc32 AAAA"),
    "a short checksum": _begins(Upload_Checksum="sha1 AAAA"),
    "an empty file": _begins(Upload_Length="0"),
    "too large a file": _begins(Upload_Length=str(2**40)),
    "another format": _begins(Upload_Metadata="filename bm90ZXMudHh0"),
    "a recorder's format": _begins(Upload_Metadata="filename Y2xpcC5kYXY="),
    "too long a tag": _begins(Upload_Metadata=f"filename Y2xpcC5tcDQ=,tags {'YWFh' * 30}"),
    "an unknown site": _begins(Upload_Metadata="filename Y2xpcC5tcDQ=,site eHg="),
    "a source id that is none": _begins(Upload_Metadata="filename Y2xpcC5tcDQ=,source_id LQ=="),
    "neither length nor name": _begins(Upload_Length="many", Upload_Metadata="é ,"),
    "neither site nor id": _begins(
        Upload_Metadata="filename Y2xpcC5tcDQ=,site eHg=,source_id LQ=="
    ),
    "another tus": _begins(Tus_Resumable="0.2.2"),
    "an unknown token": Asked("GET", "/api/video/none/"),
    "an unknown stream": Asked("GET", "/stream/none/"),
    "another method": Asked("PUT", _INCIDENTS),
}


@pytest.fixture
def key(app: Flask) -> str:
    """Give a key that may everything, and sees the incident INC-1."""
    with transaction() as session:
        session.add(
            Incident(
                reference="INC-1",
                site_id=sites.default_site().id,
                body_sha256="0" * 64,
                message="",
                incident_type="Intrusion",
                risk_level=RiskLevel.HIGH,
                detected_at=utcnow(),
                link_hours=48,
            )
        )
    return api_keys.create_api_key(command_line(), "all", sites.default_site(), set(Scope))


def _refused(client: FlaskClient, key: str, asked: Asked, language: str) -> tuple[int, str, str]:
    headers = {"X-API-Key": key, "Accept-Language": language, **asked.headers}
    data = asked.data
    if isinstance(data, dict):  # a file is read by the client that sends it
        data = {
            name: (io.BytesIO(b"of no format"), value[1]) if isinstance(value, tuple) else value
            for name, value in data.items()
        }
    answer = client.open(
        asked.path,
        method=asked.method,
        json=asked.json,
        data=data,
        headers=headers,
        content_type=asked.mimetype or ("multipart/form-data" if isinstance(data, dict) else None),
    )
    document = answer.get_json()
    assert set(document) == {"error", "code"}
    return answer.status_code, document["code"], document["error"]


@pytest.mark.parametrize("name", MISTAKEN)
def test_a_mistake_is_said_in_the_language_that_was_asked_for(
    client: FlaskClient, key: str, name: str
) -> None:
    asked = MISTAKEN[name]
    status, code, english = _refused(client, key, asked, "en")
    again, same, french = _refused(client, key, asked, "fr")
    assert 400 <= status < 500
    assert (again, same) == (status, code)
    assert english, "a sentence"
    # No sentence of ours is spelt alike in both languages, nor is one of several left in English.
    sentences = [text.strip(" .") for text in english.split(". ")]
    assert not any(text in french for text in sentences), french


@pytest.mark.parametrize(
    ("name", "status", "named"),
    [
        ("all at once", 400, ["A video id has", "The part “video”", "file_hash must be"]),
        ("neither length nor name", 400, ["Upload-Length must be", "Upload-Metadata must contain"]),
        ("neither site nor id", 422, ["No site with this short name", "A source id has"]),
        ("no decision", 422, ["decision must be one of confirmed, false_alarm, closed, reopened"]),
        ("a filter by no state", 422, ["state must be one of", "x is not an e-mail address"]),
        ("no page", 422, ["before must be", "limit must be"]),
    ],
)
def test_every_mistake_is_named_at_once(
    client: FlaskClient, key: str, name: str, status: int, named: list[str]
) -> None:
    answered, code, message = _refused(client, key, MISTAKEN[name], "en")
    assert (answered, code) == (status, "invalid_request")
    assert [text for text in named if text not in message] == []
