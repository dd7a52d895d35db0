"""Describe the input and the answers of resumable uploads: tus 1.0.0, which answers by headers."""

from collections.abc import Mapping
from typing import Any

from vigint_web.http.pages.openapi import Operation, Parameter
from vigint_web.http.uploads import tus
from vigint_web.serializers.upload_api import UnfinishedDocuments, UploadDocument

_WHO = {
    "unauthorized": 401,
    "login_required": 401,
    "invalid_key": 403,
    "insufficient_scope": 403,
    "too_many_requests": 429,
    "unavailable": 503,
}
_ONE = {**_WHO, "not_found": 404, "upload_expired": 410}
_TUS = {"unsupported_version": 412, "csrf_failed": 400}
_BYTES = {
    **_TUS,
    "locked": 423,
    "unsupported_media_type": 415,
    "upload_too_long": 413,
    "checksum_mismatch": 460,
    "storage_full": 507,
}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**53}
_VERSION = Parameter(
    "Tus-Resumable",
    "The version of the protocol.",
    where="header",
    schema={"type": "string", "enum": [tus.VERSION]},
    required=True,
)
_CSRF = Parameter("X-CSRFToken", "Sent by Vigint's own pages instead of a key.", where="header")
_CHECKSUM = Parameter(
    "Upload-Checksum",
    f"An algorithm ({', '.join(tus.ALGORITHMS)}) and the digest of this body in base64.",
    where="header",
)
_PIECE: Mapping[str, Mapping[str, Any]] = {
    tus.OFFSET_TYPE: {"type": "string", "format": "binary"},
}
_OFFSET = {"Upload-Offset": "How many bytes are stored."}
_EXPIRES = {"Upload-Expires": "Until when the next byte must come."}

UPLOAD_OPERATIONS: Mapping[str, Operation] = {
    "uploads.capabilities": Operation(
        "Uploads",
        {204: None},
        headers={
            204: {
                "Tus-Version": "The version of the protocol.",
                "Tus-Extension": "The supported extensions.",
                "Tus-Max-Size": "The largest accepted file, in bytes.",
                "Tus-Checksum-Algorithm": "The supported checksums.",
            }
        },
    ),
    "uploads.index": Operation("Uploads", {200: UnfinishedDocuments}, _WHO),
    "uploads.create": Operation(
        "Uploads",
        {201: None},
        {**_WHO, **_BYTES, "empty_file": 400, "too_large": 413, "invalid_request": 422},
        (
            _VERSION,
            Parameter(
                "Upload-Length",
                "The size of the file, in bytes.",
                where="header",
                schema={**_NUMBER, "minimum": 1},
                required=True,
            ),
            Parameter(
                "Upload-Metadata",
                "Pairs of a key and its value in base64, with commas between; `filename` at least.",
                where="header",
                required=True,
            ),
            _CHECKSUM,
            _CSRF,
        ),
        _PIECE,
        body_required=False,
        headers={
            201: {
                "Location": "The address of the upload.",
                "Vigint-Source": "The source that it becomes.",
                **_OFFSET,
                **_EXPIRES,
            }
        },
    ),
    "uploads.show": Operation("Uploads", {200: UploadDocument}, _ONE),
    "uploads.receive": Operation(
        "Uploads",
        {204: None},
        {**_ONE, **_BYTES, "wrong_offset": 409, "upload_finished": 409},
        (
            _VERSION,
            Parameter(
                "Upload-Offset",
                "How many bytes are stored already, as HEAD returns.",
                where="header",
                schema=_NUMBER,
                required=True,
            ),
            _CHECKSUM,
            _CSRF,
        ),
        _PIECE,
        headers={204: {**_OFFSET, **_EXPIRES}},
    ),
    "uploads.terminate": Operation(
        "Uploads", {204: None}, {**_ONE, **_TUS, "upload_finished": 409}, (_VERSION, _CSRF)
    ),
}
