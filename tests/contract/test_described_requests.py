"""OpenAPI describes every member of a request that the code reads, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from vigint_web.blueprints.api.docs.operations import OPERATIONS
from vigint_web.blueprints.api.hosting.requests import HostingForm, HostingMetadata
from vigint_web.blueprints.api.incidents import bodies
from vigint_web.blueprints.api.incidents.requests import IncidentForm
from vigint_web.services.incidents.documents import (
    FrameBody,
    IncidentBody,
    IncidentFactsBody,
    IntakeSettings,
)
from vigint_web.services.incidents.payload import parse_incident

WEB = Path(__file__).resolve().parents[2] / "vigint_web"
API = sorted(path for path in (WEB / "blueprints/api").rglob("*.py") if path.parent.name != "docs")
# Where members of documents are read by their names; elsewhere models do it.
READERS = [
    *API,
    WEB / "services/incidents/payload.py",
    WEB / "services/incidents/frame_times.py",
    WEB / "services/dispatch/backlog.py",
]
DOCUMENTS = {"document", "body", "item", "given", "metadata", "data"}
MODELS = (IncidentBody, IncidentFactsBody, FrameBody, HostingMetadata)
# Of HTTP itself, of keys, and of our own pages.
TRANSPORT = {"Accept", "Transfer-Encoding", "Upload-Defer-Length"}


def _calls(path: Path) -> Iterator[tuple[str, str]]:
    """Yield of what a constant name is asked for, and the name: `document.get("alert")`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        asked: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            whose: ast.expr = node.func.value
            asked = node.args[0] if node.func.attr == "get" and node.args else None
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            whose, asked = node.value, node.slice
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            whose, asked = node.comparators[0], node.left
        if isinstance(asked, ast.Constant) and isinstance(asked.value, str):
            yield ast.unparse(whose), asked.value


@pytest.fixture
def described(client: FlaskClient) -> dict[str, Any]:
    """Give the document that programs read."""
    return dict(client.get("/api/openapi.json").get_json())


def _members(described: dict[str, Any], name: str) -> set[str]:
    return set(described["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize(
    "model", [*MODELS, IncidentForm, HostingForm], ids=lambda model: model.__name__
)
def test_every_member_of_a_model_is_described(described: dict[str, Any], model: Any) -> None:
    assert _members(described, model.__name__) == set(model.model_fields)


def test_what_an_incident_may_say_is_described(described: dict[str, Any]) -> None:
    assert {"alert", "timestamps", "kept_since"} <= _members(described, "IncidentBody")
    alert = described["components"]["schemas"]["IncidentBody"]["properties"]["alert"]
    assert alert["type"] == "boolean"


def test_no_view_reads_a_member_that_is_not_described() -> None:
    known = {name for model in MODELS for name in model.model_fields}
    read = {
        (path.name, name)
        for path in READERS
        for whose, name in _calls(path)
        if whose.rpartition(".")[2] in DOCUMENTS
    }
    assert len(read) > 5
    assert {(where, name) for where, name in read if name not in known} == set()


@pytest.mark.parametrize("path", API, ids=lambda path: str(path.relative_to(WEB)))
def test_views_of_the_api_read_queries_and_bodies_by_models(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    # The address of a next page repeats the query.
    plain = source.replace("**request.args.to_dict()", "")
    assert re.findall(r"request\.(?:args|json|get_json|form|values|files)\b", plain) == []


def test_every_fact_is_read_and_every_other_member_is_kept() -> None:
    settings = IntakeSettings(ZoneInfo("Europe/Paris"))
    # Anything but JSON true is no mark of a test, and kept like an unknown member.
    data = {**dict.fromkeys(IncidentFactsBody.model_fields, "0.5"), "test": True}
    facts = parse_incident({"incident_data": {**data, "weather": "rain"}}, settings)
    assert facts.extra == {"weather": "rain"}
    whole = {**dict.fromkeys(IncidentBody.model_fields), "message": "m", "other": 1}
    assert parse_incident(whole, settings).extra == {"other": 1}


def test_parts_of_forms_are_described() -> None:
    assert {bodies._kind(name) or name for name in IncidentForm.model_fields} == {
        "incident",
        *bodies._KINDS.values(),
    }
    source = (WEB / "blueprints/api/hosting/forms.py").read_text(encoding="utf-8")
    named = set(re.findall(r'part\.name == "(\w+)"', source))
    named |= set(re.findall(r'texts\.get\("(\w+)"', source))
    assert named == set(HostingForm.model_fields)


def _headers() -> set[str]:
    """Return the headers that views of the API, and what they are helped by, read."""
    paths = [*API, WEB / "http/pages/documents.py", WEB / "http/uploads/tus.py"]
    found = {
        name for path in paths for whose, name in _calls(path) if whose.endswith("request.headers")
    }
    for path in paths:
        found |= set(re.findall(r'tus\.number\(request\.headers, "([\w-]+)"\)', path.read_text()))
    return found


def test_headers_that_are_read_are_described() -> None:
    documented = {
        parameter.name
        for operation in OPERATIONS.values()
        for parameter in operation.parameters
        if parameter.where == "header"
    }
    # Read by what sends bytes, and by what knows our own pages.
    others = {"Range", "If-Range", "If-None-Match", "X-CSRFToken"}
    assert _headers() - TRANSPORT == documented - others


def test_keys_of_an_upload_are_described(app: Flask, described: dict[str, Any]) -> None:
    source = (WEB / "blueprints/api/uploads/views.py").read_text(encoding="utf-8")
    keys = set(re.findall(r'upload_metadata\.get\("(\w+)"', source))
    assert keys == {
        "filename", "name", "description", "tags", "site", "camera", "recorded_at", "source_id"
    }  # fmt: skip
    about = described["paths"]["/api/v1/uploads/"]["post"]["description"]
    assert {key for key in keys if f"`{key}`" not in about} == set()
