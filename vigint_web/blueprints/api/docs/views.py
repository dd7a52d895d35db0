"""Views for developers: the API as a document and as a page with examples to copy."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask_babel import force_locale

from vigint_web.blueprints.api.docs.operations import OPERATIONS
from vigint_web.blueprints.api.docs.summaries import SUMMARIES, TAGS
from vigint_web.http.pages.openapi import About, describe
from vigint_web.services.core import addresses
from vigint_web.version import VERSION

blueprint = Blueprint("developers", __name__)

_ABOUT = (
    "Incidents, sources and private video links. Errors are JSON everywhere:"
    " `error` is a sentence for people, `code` a word for programs."
)


@blueprint.get("/api/openapi.json")
def openapi() -> Response:
    """Describe the API as OpenAPI 3.1."""
    return jsonify(_document())


@blueprint.get("/developers/")
def page() -> str:
    """Show the API with examples that contain this installation's own address."""
    document = _document()
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = {"path": path, "method": method.upper(), **operation}
            tag = operation["tags"][0]
            # A test detects operations without a translated summary.
            shown["summary"] = SUMMARIES.get(operation["operationId"], operation["summary"])
            tags.setdefault(str(TAGS.get(tag, tag)), []).append(shown)
    return render_template("developers/page.html", tags=tags, public=addresses.public)


def _document() -> dict[str, Any]:
    about = About("Vigint", VERSION, addresses.public(), _ABOUT)
    with force_locale("en"):  # the default language of the API's errors
        return describe(current_app, OPERATIONS, about)
