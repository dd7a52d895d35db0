"""Read what a program sends with a video, and name every mistake in it at once."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_babel import gettext as _

from vigint_web.errors import Invalid
from vigint_web.http.clips import save_clip
from vigint_web.http.multipart import FilePart, read_parts
from vigint_web.services.hosting import is_video_id
from vigint_web.services.incident_intake import IncidentFacts, parse_incident
from vigint_web.services.incidents import Footage, fingerprint
from vigint_web.services.runtime import config

MOST_PARTS = 20
LARGEST_METADATA = 1024 * 1024
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
# Of the metadata what is about the request, not about the incident.
_ENVELOPE = {"video_id", "file_hash", "message"}


class BadVideoId(Invalid):
    """Say that an id is none, or that a request names two."""

    status = 400


@dataclass
class Hosted:
    """A request to host a video, checked, the video in a working file."""

    facts: IncidentFacts
    footage: Footage
    video_id: str | None
    file_hash: str | None
    fingerprint: str

    def discard(self) -> None:
        """Remove the working file, if nobody has published it."""
        self.footage.draft.unlink(missing_ok=True)


@dataclass
class _Form:
    metadata: Any = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    video: Footage | None = None
    mistakes: list[str] = field(default_factory=list)


def read_hosted() -> Hosted:
    """Read the form; whatever order its parts come in.

    Raises:
        Invalid: with a sentence per mistake.
        StorageFull: the video cannot be kept.
        TooLarge: the video is larger than allowed.
    """
    request.max_content_length = config().max_hosted_bytes + 2 * LARGEST_METADATA
    request.max_form_parts = MOST_PARTS
    form = _Form()
    try:
        for part in read_parts(request, most_parts=MOST_PARTS):
            if part.name == "metadata":
                value = part.read(LARGEST_METADATA) if isinstance(part, FilePart) else part.value
                form.metadata = _document(value, form.mistakes)
            elif not isinstance(part, FilePart):
                form.texts[part.name] = part.value
            elif part.name == "video" and form.video is None:
                form.video = save_clip(part)
            else:
                form.mistakes.append(_("Send one file only, as the part “video”."))
        return _checked(form)
    except BaseException:
        if form.video is not None:
            form.video.draft.unlink(missing_ok=True)
        raise


def _document(value: str | bytes, mistakes: list[str]) -> dict[str, Any]:
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    mistakes.append(_("The part “metadata” is not a JSON object."))
    return {}


def _checked(form: _Form) -> Hosted:
    metadata, mistakes = form.metadata, form.mistakes
    video_id = _video_id(metadata)
    if form.video is None:
        mistakes.append(_("The part “video” with the file is missing."))
    elif form.video.size == 0:
        mistakes.append(_("The file is empty."))
    file_hash = metadata.get("file_hash")
    if file_hash is not None and not (isinstance(file_hash, str) and _SHA256.fullmatch(file_hash)):
        mistakes.append(_("file_hash must be a SHA-256 in 64 hexadecimal digits."))
    if form.texts.get("access_type", "private") != "private":
        mistakes.append(_("access_type must be private: there is no other."))
    said = {name: value for name, value in metadata.items() if name not in _ENVELOPE}
    document = {
        "message": metadata.get("message"),
        "incident_data": {"incident_type": "video", **said},
        "expiration_hours": form.texts.get("expiration_hours") or None,
        "recipients": [],  # whoever asked for hosting tells people itself
    }
    facts = parse_incident(document, config().timezone, mistakes)
    if form.video is None:  # has been told, with the other mistakes
        raise Invalid(mistakes)
    return Hosted(facts, form.video, video_id, file_hash, fingerprint(document, form.video.digests))


def _video_id(metadata: dict[str, Any]) -> str | None:
    given = [request.headers.get("X-Video-ID"), metadata.get("video_id")]
    named = [value for value in given if value is not None]
    if not named:
        return None
    if any(value != named[0] for value in named):
        raise BadVideoId([_("X-Video-ID and video_id in the metadata name different videos.")])
    if not isinstance(named[0], str) or not is_video_id(named[0]):
        raise BadVideoId(
            [
                _(
                    "A video id has 1 to 64 letters, digits, dots, hyphens and underscores, "
                    "and begins with a letter or a digit."
                )
            ]
        )
    return named[0]
