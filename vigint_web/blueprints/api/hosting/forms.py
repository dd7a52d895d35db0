"""Parse a program's upload of a video, and report all errors at once."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask import request

from vigint_web.blueprints.api.hosting.requests import ABOUT_REQUEST, SHA256
from vigint_web.errors import Malformed, Mistake, MistakeCode, Mistakes
from vigint_web.http.pages.documents import fingerprint_of, intake_settings
from vigint_web.http.uploads.clips import save_clip
from vigint_web.http.uploads.multipart import FilePart, read_parts
from vigint_web.services.core.odd_values import NOT_UNDERSTOOD, load_json
from vigint_web.services.core.runtime import config
from vigint_web.services.hosting.local import is_video_id
from vigint_web.services.incidents.incidents import Footage
from vigint_web.services.incidents.payload import NOT_AN_OBJECT, IncidentFacts, parse_incident
from vigint_web.services.incidents.payload_warnings import UNUSED_PART, Warnings

MOST_PARTS = 20
LARGEST_METADATA = 1024 * 1024
_SHA256 = re.compile(SHA256)


@dataclass
class Hosted:
    """A validated request to host a video, with the video in a working file."""

    facts: IncidentFacts
    footage: Footage
    video_id: str | None
    file_hash: str | None
    fingerprint: str

    def discard(self) -> None:
        """Remove the working file, unless it was published."""
        self.footage.draft.unlink(missing_ok=True)


@dataclass
class _Form:
    metadata: Any = field(default_factory=dict)
    metadata_text: str | bytes = ""
    texts: dict[str, str] = field(default_factory=dict)
    video: Footage | None = None
    mistakes: Mistakes = field(default_factory=Mistakes)
    warnings: Warnings = field(default_factory=Warnings)


def read_hosted() -> Hosted:
    """Read the form; whatever order its parts come in.

    Raises:
        Invalid: with every mistake.
        Malformed: so, and the id is none or there are two.
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
                form.metadata, form.metadata_text = _document(value, form), value
            elif not isinstance(part, FilePart):
                form.texts[part.name] = part.value
            elif part.name == "video" and form.video is None:
                form.video = save_clip(part)
            else:
                form.warnings.add(part.name, part.filename, UNUSED_PART)
        return _checked(form)
    except BaseException:
        if form.video is not None:
            form.video.draft.unlink(missing_ok=True)
        raise


def _document(value: str | bytes, form: _Form) -> dict[str, Any]:
    if not value.strip():
        return {}
    try:
        document = load_json(value)
    except (ValueError, RecursionError):
        form.mistakes.found.append(Mistake(MistakeCode.PART_NOT_JSON, "metadata"))
        return {}
    if isinstance(document, dict):
        return document
    if document is not None:
        form.warnings.add("metadata", document, NOT_AN_OBJECT)
    return {}


def _checked(form: _Form) -> Hosted:
    metadata, mistakes, video_id = form.metadata, form.mistakes.found, None
    with form.mistakes.collected():
        video_id = _video_id(metadata)
    if form.video is None:
        mistakes.append(Mistake(MistakeCode.VIDEO_PART_MISSING, "video"))
    elif form.video.size == 0:
        mistakes.append(Mistake(MistakeCode.VIDEO_PART_EMPTY, "video"))
    file_hash = metadata.get("file_hash")
    if file_hash is not None and not (isinstance(file_hash, str) and _SHA256.fullmatch(file_hash)):
        mistakes.append(Mistake(MistakeCode.NOT_A_SHA256, "file_hash"))
    access_type = form.texts.get("access_type", "private")
    if access_type != "private":  # the only value
        form.warnings.add("access_type", access_type, NOT_UNDERSTOOD, "private")
    incident_fields = {name: value for name, value in metadata.items() if name not in ABOUT_REQUEST}
    if form.video is None or mistakes:
        raise form.mistakes.refusal()
    document = {
        "message": metadata.get("message"),
        "incident_data": {"incident_type": "video", **incident_fields},
        "expiration_hours": form.texts.get("expiration_hours") or None,
        "alert": False,  # the caller notifies people itself
    }
    facts = parse_incident(document, intake_settings(), form.warnings, has_footage=True)
    body = fingerprint_of(document, form.video.digests, form.metadata_text)
    return Hosted(facts, form.video, video_id, file_hash, body)


def _video_id(metadata: dict[str, Any]) -> str | None:
    given = [request.headers.get("X-Video-ID"), metadata.get("video_id")]
    named = [value for value in given if value is not None]
    if not named:
        return None
    if any(value != named[0] for value in named):
        raise Malformed([Mistake(MistakeCode.VIDEO_IDS_DIFFER, "video_id")])
    if not isinstance(named[0], str) or not is_video_id(named[0]):
        raise Malformed([Mistake(MistakeCode.VIDEO_ID_MALFORMED, "video_id")])
    return named[0]
