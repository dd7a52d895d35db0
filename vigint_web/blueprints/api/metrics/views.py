"""View of the metrics."""

from flask import Blueprint, Response, request
from prometheus_client.exposition import choose_encoder

from vigint_web.services.operations import metrics

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def show() -> Response:
    """Return all metrics in the requested text format."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(metrics.registry()), content_type=content_type)
