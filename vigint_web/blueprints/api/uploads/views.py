"""Views of resumable uploads: tus 1.0.0 for browsers and programs, and two further documents."""

from flask import Blueprint, Response, g, jsonify, request, url_for
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.http import http_date

from vigint_web.errors import (
    Malformed,
    Mistake,
    MistakeCode,
    Mistakes,
    StorageFull,
    UploadFinished,
    WrongOffset,
)
from vigint_web.extensions import csrf
from vigint_web.http.base.errors import answer_to
from vigint_web.http.security.csrf import require_genuine
from vigint_web.http.security.identity import actor, api_key
from vigint_web.http.security.throttling import limit_pieces, limit_posting, limit_reading
from vigint_web.http.uploads import tus
from vigint_web.http.uploads.bodies import pieces, unhurried
from vigint_web.models import Upload
from vigint_web.serializers.upload_api import upload_document, uploads_document
from vigint_web.services.core.actors import Actor, as_key
from vigint_web.services.core.runtime import config
from vigint_web.services.sources.tags import parse_tags
from vigint_web.services.uploads import receiving, uploads
from vigint_web.services.videos.filenames import one_line

blueprint = Blueprint("uploads", __name__, url_prefix="/api/v1/uploads")
csrf.exempt(blueprint)  # programs use keys; requests of users are checked below, by their header

_WRITING = {"POST", "PATCH", "DELETE"}


@blueprint.before_request
def speak() -> None:
    """Refuse other versions of the protocol, and requests that no page of ours sent."""
    spoken = request.headers.get("Tus-Resumable")
    if request.method in {*_WRITING, "HEAD"} and spoken != tus.VERSION:
        raise tus.UnsupportedVersion
    if request.method in _WRITING and "api_key" not in g:
        require_genuine()


@blueprint.after_request
def add_version(response: Response) -> Response:
    """Add the version of tus to every answer."""
    response.headers["Tus-Resumable"] = tus.VERSION
    if response.status_code == 412:
        response.headers["Tus-Version"] = tus.VERSION
    return response


@blueprint.errorhandler(WrongOffset)
def elsewhere(error: WrongOffset) -> Response:
    """Return the address where the upload continues."""
    response = answer_to(error)
    response.headers["Upload-Offset"] = str(error.offset)
    return response


@blueprint.route("/", methods=["OPTIONS"])
def capabilities() -> Response:
    """Return the capabilities of this server."""
    response = Response(status=204)
    response.headers["Tus-Version"] = tus.VERSION
    response.headers["Tus-Extension"] = tus.EXTENSIONS
    response.headers["Tus-Max-Size"] = str(config().max_upload_bytes)
    response.headers["Tus-Checksum-Algorithm"] = ",".join(tus.ALGORITHMS)
    return response


@blueprint.get("/")
@limit_reading
def index() -> Response:
    """List the caller's resumable uploads, newest first."""
    return jsonify(uploads_document(uploads.list_unfinished(_actor())))


@blueprint.post("/")
@limit_posting
def create() -> Response:
    """Start an upload; its first bytes may be included.

    The file's name is given in Upload-Metadata as `filename`; `name`, `description`, `tags`
    (separated by commas), `site`, `source_id`, `camera` and `recorded_at` (ISO 8601; without an
    offset, the time of the site) may be given there too, each in base64.
    """
    announced = _announced()
    with_bytes = bool(request.content_length) or "chunked" in request.headers.get(
        "Transfer-Encoding", ""
    )
    if with_bytes and request.mimetype != tus.OFFSET_TYPE:
        raise UnsupportedMediaType
    whose = _actor()
    upload = uploads.begin(whose, announced)
    response = Response(status=201)
    if with_bytes:
        response.headers["Upload-Offset"] = str(_receive_first(whose, upload))
        upload = uploads.find(whose, upload.public_id)
    response.headers["Location"] = url_for("uploads.show", upload_id=upload.public_id)
    response.headers["Vigint-Source"] = upload.source.source_id
    _add_expiry(response, upload)
    return response


def _announced() -> uploads.Announced:
    mistakes, length, filename = Mistakes(), 0, ""
    header, upload_metadata = request.headers.get("Upload-Metadata", ""), dict[str, str]()
    with mistakes.collected():
        if "Upload-Defer-Length" in request.headers:
            raise Malformed([Mistake(MistakeCode.LENGTH_DEFERRED, "Upload-Defer-Length")])
        length = tus.number(request.headers, "Upload-Length")
    with mistakes.collected():
        upload_metadata = tus.metadata(header)
        filename = upload_metadata.get("filename", "")
        if not filename.strip():
            raise Malformed([Mistake(MistakeCode.FILENAME_MISSING, "Upload-Metadata")])
    mistakes.refuse()
    return uploads.Announced(
        length=length,
        filename=filename,
        name=upload_metadata.get("name", ""),
        description=upload_metadata.get("description", ""),
        tags=parse_tags(one_line(upload_metadata.get("tags", ""))),
        site=upload_metadata.get("site", ""),
        source_id=upload_metadata.get("source_id", ""),
        camera=upload_metadata.get("camera", ""),
        recorded_at=upload_metadata.get("recorded_at", ""),
        metadata_header=header,
    )


def _receive_first(whose: Actor, upload: Upload) -> int:
    try:
        return receiving.receive(whose, upload, 0, _body())
    except StorageFull:
        return receiving.held(upload)  # the client gets its address, and continues later
    except BaseException:
        # The client would never get its address.
        uploads.terminate(whose, upload.public_id)
        raise


@blueprint.get("/<upload_id>")
@limit_pieces
def show(upload_id: str) -> Response:
    """Return the progress of one of the caller's uploads, and its result."""
    upload = uploads.find(_actor(), upload_id)
    uploads.require_alive(upload)
    if request.method != "HEAD":
        return jsonify(upload_document(_actor(), upload))
    response = Response(status=200)
    response.headers["Upload-Offset"] = str(receiving.see(upload))
    response.headers["Upload-Length"] = str(upload.length)
    if upload.said:
        response.headers["Upload-Metadata"] = upload.said
    response.headers["Vigint-Source"] = upload.source.source_id
    _add_expiry(response, upload)
    return response


@blueprint.route("/<upload_id>", methods=["PATCH"])
@limit_pieces
def receive(upload_id: str) -> Response:
    """Add bytes at the end of an upload; the last one completes the source."""
    if request.mimetype != tus.OFFSET_TYPE:
        raise UnsupportedMediaType
    offset = tus.number(request.headers, "Upload-Offset")
    whose = _actor()
    upload = uploads.find(whose, upload_id)
    try:
        reached = receiving.receive(whose, upload, offset, _body())
    except UploadFinished as error:
        response = answer_to(error)
        response.headers["Upload-Offset"] = str(upload.length)
        return response
    response = Response(status=204)
    response.headers["Upload-Offset"] = str(reached)
    _add_expiry(response, uploads.find(whose, upload_id))
    return response


@blueprint.delete("/<upload_id>")
@limit_posting
def terminate(upload_id: str) -> Response:
    """Remove an unfinished upload and its source."""
    uploads.terminate(_actor(), upload_id)
    return Response(status=204)


def _body() -> receiving.Body:
    return receiving.Body(
        chunks=pieces(),
        length=request.content_length,
        checksum=tus.checksum(request.headers.get("Upload-Checksum")),
        expel=unhurried(),
    )


def _actor() -> Actor:
    return as_key(api_key()) if "api_key" in g else actor()


def _add_expiry(response: Response, upload: Upload) -> None:
    if upload.finished_at is None:
        response.headers["Upload-Expires"] = http_date(upload.expires_at)
