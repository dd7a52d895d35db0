"""Views of the incident API (contracts, section 6)."""

from flask import Blueprint, Response, jsonify, request

from vigint_web.blueprints.api.incidents.bodies import read_json, read_multipart
from vigint_web.extensions import csrf
from vigint_web.http.pages.documents import request_name
from vigint_web.http.security.identity import api_key
from vigint_web.http.security.throttling import limit_posting
from vigint_web.serializers.incident_api import accepted_document, status_document
from vigint_web.services.core.actors import as_key
from vigint_web.services.incidents import incidents

blueprint = Blueprint("ingest", __name__, url_prefix="/api/v1/incidents")
csrf.exempt(blueprint)  # API keys, never cookies


@blueprint.post("")
@limit_posting
def create() -> tuple[Response, int]:
    """Accept an incident; 202 once everything needed to finish its work is safely stored."""
    key = api_key()
    idempotency_key = request_name()
    received = read_multipart() if request.mimetype == "multipart/form-data" else read_json()
    try:
        incident = incidents.record_incident(
            as_key(key),
            key.site_id,
            received.facts,
            received.footage,
            body_sha256=received.fingerprint,
            idempotency_key=idempotency_key,
        )
    finally:
        received.discard()
    return jsonify(accepted_document(incident)), 202


@blueprint.get("/<reference>")
def status(reference: str) -> Response:
    """Return the state of an incident's video and mails; its link only to the key that
    posted it.
    """
    incident = incidents.get_own_incident(api_key(), reference)
    document = status_document(incident)
    if incident.api_key_id != api_key().id:
        document["private_link"] = None
    return jsonify(document)
