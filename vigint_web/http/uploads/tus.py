"""Parse and write the headers of tus 1.0.0, a protocol of resumable uploads."""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from vigint_web.errors import Malformed, Mistake, MistakeCode, VigintError
from vigint_web.services.uploads.receiving import Checksum

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
OFFSET_TYPE = "application/offset+octet-stream"
# Their sizes in bytes; the protocol requires sha1 of every server.
ALGORITHMS: Mapping[str, int] = {"sha1": 20, "sha256": 32, "md5": 16}

_LARGEST = 2**53
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")


class UnsupportedVersion(VigintError):
    """The client uses another version of tus."""

    code = "unsupported_version"


def number(headers: Headers, name: str) -> int:
    """Return a header that must be a number of bytes; raises Malformed."""
    text = headers.get(name, "")
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > _LARGEST:
        raise Malformed([Mistake(MistakeCode.NOT_A_SIZE, name)])
    return int(text)


def metadata(text: str) -> dict[str, str]:
    """Return what Upload-Metadata says: pairs of a key and a text in base64.

    Raises:
        Malformed: it is not made like that.
    """
    found: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else []:
        key, _space, value = pair.strip(" ").partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise Malformed([Mistake(MistakeCode.METADATA_KEYS, "Upload-Metadata")])
        try:
            found[key] = base64.b64decode(value.strip(" "), validate=True).decode("utf-8")
        except ValueError:  # invalid base64, ASCII or UTF-8
            not_text = Mistake(MistakeCode.METADATA_NOT_TEXT, "Upload-Metadata", {"key": key[:40]})
            raise Malformed([not_text]) from None
    return found


def checksum(text: str | None) -> Checksum | None:
    """Return the checksum of Upload-Checksum; raises Malformed."""
    if text is None:
        return None
    algorithm, _space, encoded = text.partition(" ")
    if algorithm not in ALGORITHMS:
        facts = {"names": ", ".join(ALGORITHMS)}
        raise Malformed([Mistake(MistakeCode.CHECKSUM_UNKNOWN, "Upload-Checksum", facts)])
    try:
        digest = base64.b64decode(encoded.strip(" "), validate=True)
    except ValueError:
        digest = b""
    if len(digest) != ALGORITHMS[algorithm]:
        facts = {"name": algorithm}
        raise Malformed([Mistake(MistakeCode.CHECKSUM_MALFORMED, "Upload-Checksum", facts)])
    return Checksum(algorithm, digest)


class MethodOverride:
    """Apply X-HTTP-Method-Override below one path: some proxies do not support PATCH (tus,
    core).
    """

    def __init__(self, application: "WSGIApplication", path: str) -> None:
        self._application = application
        self._path = path

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Change the method before routing."""
        wanted = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        if (
            wanted in {"POST", "HEAD", "PATCH", "DELETE", "OPTIONS"}
            and environ["REQUEST_METHOD"] == "POST"
            and environ.get("PATH_INFO", "").startswith(self._path)
        ):
            environ["REQUEST_METHOD"] = wanted
        return self._application(environ, start_response)
