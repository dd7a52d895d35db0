"""Views of the public token API (contracts, section 3)."""

from flask import Blueprint, Response, jsonify, request

from vigint_web.blueprints.api.tokens.requests import DownloadQuery, PictureQuery
from vigint_web.errors import NotFound
from vigint_web.http.pages.request_models import read_query
from vigint_web.http.security.cross_origin import open_link
from vigint_web.http.security.identity import visitor
from vigint_web.http.streaming.ranged_response import decide, send, sent_bytes
from vigint_web.serializers.token_api import metadata_document, video_document
from vigint_web.services.links import access
from vigint_web.services.links.rules import Opening
from vigint_web.services.videos.stored_files import original_bytes, poster_bytes, thumbnail_bytes

blueprint = Blueprint("api", __name__, url_prefix="/api/video")


@blueprint.get("/<token>/", merge_slashes=False)
def video(token: str) -> Response:
    """Describe the video and the addresses of its bytes."""
    link = open_link(token, Opening.API)
    access.log_access(link.id, Opening.API, visitor(), 200)
    return jsonify(video_document(link))


@blueprint.get("/<token>/metadata/", merge_slashes=False)
def metadata(token: str) -> Response:
    """Return all probed metadata."""
    link = open_link(token, Opening.METADATA)
    access.log_access(link.id, Opening.METADATA, visitor(), 200)
    return jsonify(metadata_document(link))


@blueprint.get("/<token>/download/", merge_slashes=False)
def download(token: str) -> Response:
    """Send the original bytes under the original name."""
    view, counts = read_query(DownloadQuery).view, request.method == "GET"
    link = open_link(token, Opening.DOWNLOAD, view=view, counts=counts)
    stored = original_bytes(link.video)
    decided = decide(stored)
    response = send(stored, decided, link=link)
    span = sent_bytes(decided)
    access.log_access(link.id, Opening.DOWNLOAD, visitor(), decided.status, span=span)
    return response


@blueprint.get("/<token>/thumbnail/", merge_slashes=False)
def thumbnail(token: str) -> Response:
    """Send the video's picture; `size=small` asks for one of few bytes.

    `track` asks for the picture of a further one of a file that has several, in one size.
    """
    link = open_link(token, Opening.THUMBNAIL)
    query = read_query(PictureQuery)
    small = query.size == "small" and query.track is None
    stored = thumbnail_bytes(link.video) if small else poster_bytes(link.video, query.track)
    if stored is None:
        raise NotFound
    access.log_access(link.id, Opening.THUMBNAIL, visitor(), 200)
    response = send(stored, decide(stored))
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
