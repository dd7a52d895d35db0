"""Read the two forms of an incident's body, writing frames directly to disk."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from vigint_web.errors import EmptyIncident, Invalid, Mistake, MistakeCode, StorageFull
from vigint_web.http.pages.documents import fingerprint_of, intake_settings
from vigint_web.http.security.identity import api_key
from vigint_web.http.security.turns import Turns
from vigint_web.http.uploads.bodies import received
from vigint_web.http.uploads.clips import save_clip
from vigint_web.http.uploads.multipart import FilePart, TextPart, read_parts
from vigint_web.models import VideoKind
from vigint_web.services.core.odd_values import load_json, storable
from vigint_web.services.core.runtime import config, storage
from vigint_web.services.incidents.documents import MOST_FRAMES, FrameBody, Intake, read_members
from vigint_web.services.incidents.frame_times import FrameTimes, read_frame_times
from vigint_web.services.incidents.incidents import Footage
from vigint_web.services.incidents.payload import (
    NOT_A_LIST,
    IncidentFacts,
    listed_timestamps,
    parse_incident,
)
from vigint_web.services.incidents.payload_warnings import UNUSED_PART, Warnings
from vigint_web.services.videos.frames_archive import FramesArchiveWriter
from vigint_web.storage import NoRoom

LARGEST_JSON = 32 * 1024 * 1024
LARGEST_FRAME = 10 * 1024 * 1024
_SMALL_DOCUMENT = 1024 * 1024
_documents = Turns(width=4, seconds=10.0)
NOT_A_FILE = "not_a_file"
KEPT_BESIDE = "kept_beside"
_KINDS = {
    **dict.fromkeys(("frames", "frame", "images", "image", "pictures", "picture"), "frames"),
    **dict.fromkeys(("video", "videos", "clip", "movie"), "video"),
}


@dataclass
class Received:
    """An incident's body, validated, with its footage in a working file."""

    facts: IncidentFacts
    footage: Footage | None
    fingerprint: str

    def discard(self) -> None:
        """Remove the working file, unless it was published."""
        if self.footage is not None:
            self.footage.discard()


class _Frames:
    """Collect frames in an archive, with the manifest entry of each."""

    def __init__(self) -> None:
        self.draft = _draft(".frames")
        self.writer = FramesArchiveWriter(self.draft)
        self.counts: list[int | None] = []

    def add(self, data: bytes, frame_count: int | None = None) -> None:
        if len(self.writer) >= MOST_FRAMES:
            raise _too_many_frames()
        try:
            storage().require_room()
            self.writer.add(data)
        except (OSError, NoRoom):
            raise StorageFull from None
        self.counts.append(frame_count)

    def finish(self, taken: FrameTimes) -> Footage:
        times = [(m.seconds if m else None, bool(m and m.zone_assumed)) for m in taken.moments]
        try:
            manifest = self.writer.finish(times, self.counts)
        except OSError:
            raise StorageFull from None
        counts = [count for count in self.counts if count is not None]
        return Footage(
            draft=self.draft,
            kind=VideoKind.FRAMES,
            size=self.draft.stat().st_size,
            digests=self.writer.digests,
            manifest_sha256=manifest,
            first_seconds=taken.first.seconds if taken.first else None,
            zone_assumed=taken.first.zone_assumed if taken.first else False,
            last_frame_count=counts[-1] if counts else None,
        )

    def abandon(self) -> None:
        self.writer.abandon()
        self.draft.unlink(missing_ok=True)


def _too_many_frames() -> Invalid:
    return Invalid([Mistake(MistakeCode.TOO_MANY_FRAMES, "frames", {"most": MOST_FRAMES})])


def read_json() -> Received:
    """Read an incident whose frames are base64 in a JSON document.

    Raises:
        Invalid: with every mistake.
        StorageFull: the frames cannot be kept.
        Busy: this key sends too many at once.
        RequestEntityTooLarge: the document is.
    """
    request.max_content_length = LARGEST_JSON
    body = received(LARGEST_JSON)
    # Base64, text and objects of one document are in memory together, about four times its size:
    # for a large one take a turn only once it has arrived, so that no turn waits for a sender.
    if len(body) <= _SMALL_DOCUMENT:
        return _read_document(body)
    with _documents.turn(f"key:{api_key().id}"):
        return _read_document(body)


def _read_document(body: bytes) -> Received:
    try:
        document = load_json(body)
    except (ValueError, RecursionError):
        raise Invalid([Mistake(MistakeCode.BODY_NOT_JSON)]) from None
    if not isinstance(document, dict):
        raise Invalid([Mistake(MistakeCode.DOCUMENT_NOT_OBJECT)])
    warnings = Warnings()
    given = _listed_frames(document.get("frames"), warnings)
    if len(given) > MOST_FRAMES:
        raise _too_many_frames()
    if not given:
        facts = parse_incident(document, intake_settings(), warnings)
        return Received(facts, None, fingerprint_of(document, [], body))
    frames = _Frames()
    try:
        own = [_add_json_frame(frames, item, number, warnings) for number, item in enumerate(given)]
        taken = _frame_times(document, own, warnings)
        facts = parse_incident(document, intake_settings(), warnings, has_footage=True)
        footage = frames.finish(taken)
    except BaseException:
        frames.abandon()
        raise
    content = {
        **document,
        "times": [repr(moment) for moment in taken.moments],
        "counts": frames.counts,
    }
    return Received(facts, footage, fingerprint_of(content, footage.digests, body))


def _listed_frames(given: Any, warnings: Warnings) -> list[Any]:
    """Return the frames of a document; a single one counts as a list."""
    if given is None or (isinstance(given, str) and not storable(given).strip()):
        return []
    if isinstance(given, dict):
        given = [given] if "frame_data" in given else list(given.values())
    if not isinstance(given, list):
        warnings.add("frames", given, NOT_A_LIST)
        return [given] if isinstance(given, str) else []
    return given


def _add_json_frame(frames: _Frames, item: Any, number: int, warnings: Warnings) -> Any:
    """Keep one frame as received; one that is not base64 is kept empty, and counted.

    Return its time, if given.
    """
    if isinstance(item, str):
        item = {"frame_data": item}
    if not isinstance(item, dict):
        frames.add(b"")
        return None
    intake = Intake(intake_settings(), warnings, prefix=f"frames[{number}].")
    frame = read_members(FrameBody, item, intake)
    data = frame.frame_data
    frames.add(data if len(data) <= LARGEST_FRAME else b"", frame.frame_count)
    return frame.timestamp


def _frame_times(document: Any, own: list[Any], warnings: Warnings) -> FrameTimes:
    """Read the times in the frames, or in the document's list."""
    listed = listed_timestamps(document, len(own), warnings)
    values = [time if time is not None else other for time, other in zip(own, listed, strict=True)]

    def name(number: int) -> str:
        return f"timestamps[{number}]" if own[number] is None else f"frames[{number}].timestamp"

    return read_frame_times(values, config().timezone, warnings, name)


@dataclass
class _Form:
    """The parts of a form received so far."""

    warnings: Warnings
    document: Any = None
    # The text as received, for a document that cannot be serialized again.
    body: bytes | str = b""
    texts: dict[str, str] = field(default_factory=dict)
    frames: _Frames | None = None
    video: Footage | None = None

    def abandon(self) -> None:
        """Remove the working files."""
        if self.frames is not None:
            self.frames.abandon()
        if self.video is not None:
            self.video.discard()


def read_multipart() -> Received:
    """Read an incident whose frames, or whose video, are parts of a form.

    Parts that are known neither by name nor by what their file is are named in the warnings.

    Raises:
        Invalid: with every mistake.
        StorageFull: the footage cannot be kept.
        TooLarge: the video is larger than allowed.
    """
    request.max_content_length = config().max_hosted_bytes + LARGEST_JSON
    request.max_form_parts = MOST_FRAMES + 20
    form = _Form(Warnings())
    try:
        for part in read_parts(request, most_parts=MOST_FRAMES + 20):
            _take_part(form, part)
        return _assembled(form)
    except BaseException:
        form.abandon()
        raise


def _take_part(form: _Form, part: TextPart | FilePart) -> None:
    if part.name == "incident":
        form.body = part.read(LARGEST_JSON) if isinstance(part, FilePart) else part.value
        form.document = _document(form.body)
    elif isinstance(part, TextPart):
        if _kind(part.name):
            form.warnings.add(part.name, part.value, NOT_A_FILE)
        form.texts[part.name] = part.value
    elif _kind(part.name) == "frames" or (not _kind(part.name) and _looks_like_image(part)):
        form.frames = form.frames or _Frames()
        form.frames.add(_frame_bytes(part))
    elif _kind(part.name) == "video" and form.video is None:
        form.video = save_clip(part)
    else:
        form.warnings.add(part.name, part.filename, UNUSED_PART)


def _kind(name: str) -> str | None:
    """Return the kind of a part from its name, with any index: “frames[3]”."""
    # A name may be as long as a part's header; no known one is longer than this.
    plain = re.sub(r"\[.*|[\s_.-]*\d*$", "", name.strip().lower()[:64])
    return _KINDS.get(plain)


def _looks_like_image(part: FilePart) -> bool:
    return part.filename.lower().endswith((".jpg", ".jpeg", ".png"))


def _assembled(form: _Form) -> Received:
    """Return the incident of a form, after all parts have arrived."""
    document = form.document
    # Form fields beside the document, or instead of it, count as its members.
    beside = {name: text for name, text in form.texts.items() if not _kind(name)}
    if document is None or isinstance(document, dict):
        document = {**beside, **(document or {})}
    if not document and form.frames is None and form.video is None:
        raise EmptyIncident([Mistake(MistakeCode.INCIDENT_PART_MISSING)])
    count = len(form.frames.writer) if form.frames is not None else 0
    taken = _frame_times(document, [None] * count, form.warnings)
    footage = form.video
    if form.frames is not None:
        images = form.frames.finish(taken)
        if footage is None:
            footage = images
        else:
            footage.beside = images
            form.warnings.add("frames", count, KEPT_BESIDE, "video")
    facts = parse_incident(
        document, intake_settings(), form.warnings, has_footage=footage is not None
    )
    digests = [*(footage.digests if footage else []), *_beside(footage)]
    return Received(facts, footage, fingerprint_of(document, digests, form.body))


def _beside(footage: Footage | None) -> list[str]:
    return footage.beside.digests if footage is not None and footage.beside is not None else []


def _document(body: str | bytes) -> Any:
    if not body.strip():
        return None
    try:
        return load_json(body)
    except (ValueError, RecursionError):
        raise Invalid([Mistake(MistakeCode.PART_NOT_JSON, "incident")]) from None


def _frame_bytes(part: FilePart) -> bytes:
    try:
        return part.read(LARGEST_FRAME)
    except RequestEntityTooLarge:
        return b""  # skipped and counted, like any other unusable frame


def _draft(suffix: str) -> Path:
    try:
        return storage().new_temp(suffix)
    except NoRoom:
        raise StorageFull from None
