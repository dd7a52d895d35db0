"""Describe the API as OpenAPI 3.1, from its routes, their rules, and the types of documents."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema
from typing_extensions import TypedDict
from werkzeug.routing import Rule as Route

from vigint_web.http.pages.request_models import RequestModel
from vigint_web.http.security.rules import RULES, Key, PersonOrKey, Token
from vigint_web.i18n.sentences import refusal_sentence

_CONVERTER = re.compile(r"<(?:(?P<kind>[^:<>]+):)?(?P<name>[^<>]+)>")
_REFERENCE = "#/components/schemas/{model}"


class ErrorDocument(TypedDict):
    """The document of every refusal: a sentence for people, a code for programs."""

    error: str
    code: str


@dataclass(frozen=True)
class Content:
    """A body other than JSON, by its media types."""

    media_types: Sequence[str]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query or a header."""

    name: str
    about: str
    where: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False


@dataclass(frozen=True)
class Operation:
    """What a route answers; the rest is read off the code.

    `answers` maps a status to the type of its document, to content, or to None for no body;
    `refusals` are codes of errors with their statuses; `headers` say what a status tells
    by them; `query` is the model that reads the query; `refused` are documents of refusals with
    more than a sentence and a code, by status.
    """

    tag: str
    answers: Mapping[int, type | Content | None]
    refusals: Mapping[str, int] = field(default_factory=dict)
    parameters: Sequence[Parameter] = ()
    bodies: Mapping[str, type | Mapping[str, Any]] = field(default_factory=dict)
    body_required: bool = True
    headers: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    query: type[RequestModel] | None = None
    refused: Mapping[int, type] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """The document's information about this installation."""

    title: str
    version: str
    server: str
    description: str


def describe(app: Flask, operations: Mapping[str, Operation], about: About) -> dict[str, Any]:
    """Return the OpenAPI document of every route that `operations` names."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(app.url_map.iter_rules(), key=lambda route: route.rule):
        operation = operations.get(route.endpoint)
        if operation is None:
            continue
        path = _CONVERTER.sub(r"{\g<name>}", route.rule)
        # Flask answers OPTIONS itself where no view does.
        methods = (route.methods or set()) - {"HEAD", "OPTIONS"} or {"OPTIONS"}
        for method in sorted(methods):
            described = _operation(app, route, operation, schemas)
            paths.setdefault(path, {})[method.lower()] = described
    _schema(ErrorDocument, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": about.version,
            "description": about.description,
        },
        "servers": [{"url": about.server}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _operation(
    app: Flask, route: Route, operation: Operation, schemas: dict[str, Any]
) -> dict[str, Any]:
    # Every view has a docstring, which a test ensures.
    summary, _, rest = (inspect.getdoc(app.view_functions[route.endpoint]) or "").partition("\n")
    described: dict[str, Any] = {
        "operationId": route.endpoint.replace(".", "_"),
        "summary": summary.rstrip("."),
        "tags": [operation.tag],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(operation.query),
            *map(_parameter, operation.parameters),
        ],
        "responses": _responses(operation, schemas),
    }
    if rest.strip():
        described["description"] = " ".join(rest.split())
    rule = RULES[route.endpoint]
    if isinstance(rule, PersonOrKey):
        described["security"] = [{"bearer": []}, {"key": []}]
        described["x-scopes"] = [rule.scope.value]
    elif isinstance(rule, Key):
        scopes = [scope.value for scope in (rule.scope, rule.other) if scope is not None]
        described["security"] = [{"bearer": []}, {"key": []}]
        described["x-scopes"] = scopes
    else:
        described["security"] = []
    if operation.bodies:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {
                media_type: {"schema": _schema(body, schemas)}
                for media_type, body in operation.bodies.items()
            },
        }
    if isinstance(rule, Token):
        described["x-token"] = "The token in the path is the credential; there is no login."
    return described


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    found = []
    for match in _CONVERTER.finditer(route.rule):
        kind = (match["kind"] or "string").partition("(")[0]
        schema = {"type": "integer", "minimum": 0} if kind == "int" else {"type": "string"}
        found.append({"name": match["name"], "in": "path", "required": True, "schema": schema})
    return found


def _query_parameters(model: type[RequestModel] | None) -> list[dict[str, Any]]:
    """Return the query's parameters, as described by its model."""
    if model is None:
        return []
    described = model.model_json_schema(schema_generator=_Schemas)
    found = []
    for name, schema in described["properties"].items():
        about = schema.pop("description", "")
        schema.pop("title", None)  # the name again
        required = name in described.get("required", ())
        found.append(_parameter(Parameter(name, about, schema=schema, required=required)))
    return found


class _Schemas(GenerateJsonSchema):
    """Describe the value; whether it is optional is expressed by `required` alone."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Omit defaults that only mean a missing value."""
        if schema.get("default") not in (None, ""):
            return super().default_schema(schema)
        inner = schema["schema"]
        return self.generate_inner(inner["schema"] if inner["type"] == "nullable" else inner)


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.about,
        "schema": dict(parameter.schema),
    }


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, body in operation.answers.items():
        described: dict[str, Any] = {"description": _REASONS.get(status, "Done.")}
        if isinstance(body, Content):
            binary = {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
            described["content"] = dict.fromkeys(body.media_types, binary)
        elif body is not None:
            described["content"] = {"application/json": {"schema": _schema(body, schemas)}}
        if status in operation.headers:
            described["headers"] = {
                name: {"description": about, "schema": {"type": "string"}}
                for name, about in operation.headers[status].items()
            }
        responses[str(status)] = described
    # Invalid HTTP, or undecodable text, is refused before routing.
    by_status: dict[int, list[str]] = {400: ["invalid_request"]}
    for code, status in operation.refusals.items():
        by_status.setdefault(status, []).append(code)
    for status, codes in sorted(by_status.items()):
        description = " ".join(f"`{code}`: {refusal_sentence(code)}" for code in codes)
        reference = _schema(operation.refused.get(status, ErrorDocument), schemas)
        responses[str(status)] = {
            "description": description,
            "content": {"application/json": {"schema": reference}},
        }
    return responses


_REASONS = {
    200: "The whole answer.",
    201: "Created.",
    202: "Stored; the workers do the rest.",
    206: "The requested part.",
    304: "Not modified.",
}


def _schema(body: type | Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a reference to the schema of a type, adding it and its components."""
    if isinstance(body, Mapping):
        return dict(body)
    written = _Schemas if issubclass(body, BaseModel) else GenerateJsonSchema
    made = TypeAdapter(body).json_schema(ref_template=_REFERENCE, schema_generator=written)
    schemas |= made.pop("$defs", {})
    schemas[body.__name__] = made
    return {"$ref": _REFERENCE.format(model=body.__name__)}
