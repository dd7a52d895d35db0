"""Views for load balancers and monitoring."""

from flask import Blueprint, Response, jsonify

from vigint_web.services.operations.health import missing_parts
from vigint_web.version import VERSION

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Answer like `/healthz`, for programs that expect this address of a hosting service."""
    return healthz()


@blueprint.get("/healthz")
def healthz() -> Response:
    """Confirm that the web process answers, with its version.

    A detector sends alerts again that an earlier version refused.
    """
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Report whether database, queue and at least one worker are up, listing missing ones."""
    missing = missing_parts()
    if missing:
        return jsonify(status="not_ready", missing=missing), 503
    return jsonify(status="ready", missing=[]), 200
