"""Views of the sharing API: share an incident's video, revoke a link."""

from datetime import timedelta
from typing import TypeVar

from flask import Blueprint, Response, jsonify, request

from vigint_web.blueprints.api.sharing.requests import RevocationBody, ShareBody
from vigint_web.clock import utcnow
from vigint_web.extensions import csrf
from vigint_web.http.pages.documents import intake_settings, request_name
from vigint_web.http.pages.request_models import RequestModel, read_body
from vigint_web.http.security.identity import api_key
from vigint_web.http.security.throttling import limit_sharing
from vigint_web.serializers.read_api import link_document, shared_document
from vigint_web.services.core.actors import as_key
from vigint_web.services.incidents.incidents import get_incident
from vigint_web.services.links import links
from vigint_web.services.review.named_requests import Named, fingerprint
from vigint_web.services.review.sharing import Wanted, share_incident

blueprint = Blueprint("incident_sharing", __name__, url_prefix="/api/v1")
csrf.exempt(blueprint)  # API keys, never cookies

LARGEST_REQUEST = 64 * 1024

Asked = TypeVar("Asked", bound=RequestModel)


@blueprint.post("/incidents/<reference>/links")
@limit_sharing
def share(reference: str) -> tuple[Response, int]:
    """Create a link for each recipient and mail it; 201 with the links, without their tokens."""
    get_incident(as_key(api_key()), reference)
    asked = _asked(ShareBody)
    settings = intake_settings()
    wanted = Wanted(
        recipients=asked.recipients,
        expires_at=utcnow() + timedelta(hours=asked.hours) if asked.hours else None,
        message=asked.message,
        reason=asked.reason,
        domains=settings.recipient_domains,
        sender=settings.sender,
    )
    name = request_name()
    named = None
    if name is not None:
        named = Named(name, fingerprint(request.method, request.path, asked.model_dump()))
    made = share_incident(as_key(api_key()), reference, wanted, named=named)
    return jsonify(shared_document(made)), 201


@blueprint.post("/links/<int(max=2147483647):link_id>/revocation")
@limit_sharing
def revoke(link_id: int) -> Response:
    """Revoke a link at once; one that was revoked before stays as it is."""
    links.get_link(as_key(api_key()), link_id)
    asked = _asked(RevocationBody)
    link = links.revoke_link(as_key(api_key()), link_id, asked.reason.strip())
    return jsonify(link_document(link))


def _asked(model: type[Asked]) -> Asked:
    """Return the body; raises Invalid with every mistake."""
    request.max_content_length = LARGEST_REQUEST
    return read_body(model)
