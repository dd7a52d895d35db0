"""Views for load balancers and watchdogs."""

from flask import Blueprint, Response, jsonify

from vigint_web.services.operations.health import missing_parts
from vigint_web.version import VERSION

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Answer like `/healthz`, for programs that know a hosting service by this address."""
    return healthz()


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the web process answers, and of which version it is.

    A detector sends again what an earlier version refused.
    """
    return jsonify(status="ok", version=VERSION)


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Say whether database, queue and at least one worker are up, naming what is missing."""
    missing = missing_parts()
    if missing:
        return jsonify(status="not_ready", missing=missing), 503
    return jsonify(status="ready", missing=[]), 200
