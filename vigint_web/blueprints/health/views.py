"""Views for load balancers and watchdogs."""

from flask import Blueprint, Response, jsonify

from vigint_web.services.health import missing_parts

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that the web process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Say whether database, queue and at least one worker are up, naming what is missing."""
    missing = missing_parts()
    if missing:
        return jsonify(status="not_ready", missing=missing), 503
    return jsonify(status="ready", missing=[]), 200
