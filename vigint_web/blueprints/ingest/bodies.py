"""Read the two forms of an incident's body, frames straight to disk."""

import base64
import binascii
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import request
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge

from vigint_web.errors import Busy, Invalid, StorageFull
from vigint_web.http.clips import save_clip
from vigint_web.http.multipart import FilePart, TextPart, read_parts
from vigint_web.http.patience import take_time
from vigint_web.models import VideoKind
from vigint_web.services.frames_archive import FramesArchiveWriter
from vigint_web.services.incident_intake import (
    MOST_FRAMES,
    IncidentFacts,
    Moment,
    parse_incident,
    parse_moment,
)
from vigint_web.services.incidents import Footage, fingerprint
from vigint_web.services.runtime import config, storage
from vigint_web.storage import NoRoom

LARGEST_JSON = 32 * 1024 * 1024
LARGEST_FRAME = 10 * 1024 * 1024
_DOCUMENT_SECONDS = 15.0
_documents = threading.BoundedSemaphore(4)


@dataclass
class Received:
    """An incident's body, checked, its footage in a working file."""

    facts: IncidentFacts
    footage: Footage | None
    fingerprint: str

    def discard(self) -> None:
        """Remove the working file, if nobody has published it."""
        if self.footage is not None:
            self.footage.draft.unlink(missing_ok=True)


class _Frames:
    """Collect frames in an archive; remembers what the manifest has to say of each."""

    def __init__(self) -> None:
        self.draft = _draft(".frames")
        self.writer = FramesArchiveWriter(self.draft)
        self.counts: list[int | None] = []

    def add(self, data: bytes, frame_count: int | None = None) -> None:
        if len(self.writer) >= MOST_FRAMES:
            raise Invalid([_("An incident has at most %(num)d frames.", num=MOST_FRAMES)])
        try:
            storage().require_room()
            self.writer.add(data)
        except (OSError, NoRoom):
            raise StorageFull from None
        self.counts.append(frame_count)

    def finish(self, moments: list[Moment | None]) -> Footage:
        times = [(m.seconds if m else None, bool(m and m.zone_assumed)) for m in moments]
        try:
            manifest = self.writer.finish(times, self.counts)
        except OSError:
            raise StorageFull from None
        known = [moment for moment in moments if moment is not None]
        first = min(known, key=lambda moment: moment.seconds) if known else None
        counts = [count for count in self.counts if count is not None]
        return Footage(
            draft=self.draft,
            kind=VideoKind.FRAMES,
            size=self.draft.stat().st_size,
            digests=self.writer.digests,
            manifest_sha256=manifest,
            first_seconds=first.seconds if first else None,
            zone_assumed=first.zone_assumed if first else False,
            last_frame_count=counts[-1] if counts else None,
        )

    def abandon(self) -> None:
        self.writer.abandon()
        self.draft.unlink(missing_ok=True)


def read_json() -> Received:
    """Read an incident whose frames are base64 in a JSON document.

    Raises:
        Invalid: with a sentence per mistake.
        StorageFull: the frames cannot be kept.
    """
    request.max_content_length = LARGEST_JSON
    take_time(request.environ)
    # Base64, text and objects of one document are in memory together, about four times its size.
    if not _documents.acquire(timeout=_DOCUMENT_SECONDS):
        raise Busy
    try:
        return _read_document(request.get_data(cache=False))
    finally:
        _documents.release()


def _read_document(body: bytes) -> Received:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid([_("The body is not JSON. Send JSON, or multipart/form-data.")]) from None
    given = document.get("frames") if isinstance(document, dict) else None
    mistakes = []
    if given is not None and not isinstance(given, list):
        mistakes.append(_("frames must be a list."))
    elif given and len(given) > MOST_FRAMES:
        mistakes.append(_("An incident has at most %(num)d frames.", num=MOST_FRAMES))
    facts = parse_incident(document, config().timezone, mistakes)
    if not given:
        return Received(facts, None, _fingerprint(document, []))
    frames = _Frames()
    try:
        moments = [_add_json_frame(frames, item) for item in given]
        footage = frames.finish(moments)
    except BaseException:
        frames.abandon()
        raise
    said = {**document, "times": [repr(moment) for moment in moments], "counts": frames.counts}
    return Received(facts, footage, _fingerprint(said, footage.digests))


def _fingerprint(document: dict[str, Any], digests: list[str]) -> str:
    try:
        return fingerprint(document, digests)
    except RecursionError:
        raise Invalid([_("The document is nested too deeply.")]) from None


def _add_json_frame(frames: _Frames, item: Any) -> Moment | None:
    """Keep one frame as received; one that is not base64 is kept empty, and counted."""
    if not isinstance(item, dict):
        frames.add(b"")
        return None
    text = item.get("frame_data")
    data = b""
    if isinstance(text, str):
        if text.startswith("data:"):
            text = text.partition(",")[2]
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            data = b""
    if len(data) > LARGEST_FRAME:
        data = b""
    count = item.get("frame_count")
    whole = isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31
    frames.add(data, count if whole else None)
    return _moment(item.get("timestamp"))


def _moment(value: Any) -> Moment | None:
    if value is None:
        return None
    try:
        return parse_moment(value, config().timezone)
    except (ValueError, OverflowError):
        return None


def read_multipart() -> Received:
    """Read an incident whose frames, or whose video, are parts of a form.

    Raises:
        Invalid: with a sentence per mistake.
        StorageFull: the footage cannot be kept.
        TooLarge: the video is larger than allowed.
    """
    request.max_content_length = config().max_hosted_bytes + LARGEST_JSON
    request.max_form_parts = MOST_FRAMES + 20
    document: Any = None
    frames: _Frames | None = None
    video: Footage | None = None
    mistakes: list[str] = []
    try:
        for part in read_parts(request, most_parts=MOST_FRAMES + 20):
            if part.name == "incident":
                document = _document(part.value if not isinstance(part, FilePart) else part)
            elif part.name == "frames" and isinstance(part, FilePart):
                frames = frames or _Frames()
                frames.add(_frame_bytes(part))
            elif part.name == "video" and isinstance(part, FilePart) and video is None:
                video = save_clip(part)
            elif part.name in {"frames", "video"} or isinstance(part, FilePart):
                # Dropping it without a word would lose footage.
                mistakes.append(_stray(part))
        return _assembled(document, frames, video, mistakes)
    except BaseException:
        if frames is not None:
            frames.abandon()
        if video is not None:
            video.draft.unlink(missing_ok=True)
        raise


def _stray(part: TextPart | FilePart) -> str:
    if part.name == "video" and isinstance(part, FilePart):
        return str(_("Send one part “video” only."))
    if part.name in {"frames", "video"}:
        return str(_("The part “%(name)s” must be a file, with a filename.", name=part.name))
    return str(
        _(
            "A file “%(name)s” is not expected: name it “frames” or “video”.",
            name=part.name[:40],
        )
    )


def _assembled(
    document: Any, frames: _Frames | None, video: Footage | None, mistakes: list[str]
) -> Received:
    if frames is not None and video is not None:
        mistakes.append(_("Send either frames or one video, not both."))
    if document is None:
        missing = _("The part “incident” with the JSON document is missing.")
        raise Invalid([missing, *mistakes])
    facts = parse_incident(document, config().timezone, mistakes)
    if video is not None:
        return Received(facts, video, _fingerprint(document, video.digests))
    if frames is None:
        return Received(facts, None, _fingerprint(document, []))
    given = len(frames.writer)
    if facts.timestamps and len(facts.timestamps) != given:
        raise Invalid(
            [
                _(
                    "timestamps has %(times)d entries for %(frames)d frames.",
                    times=len(facts.timestamps),
                    frames=given,
                )
            ]
        )
    footage = frames.finish(list(facts.timestamps) or [None] * given)
    return Received(facts, footage, _fingerprint(document, footage.digests))


def _document(value: str | FilePart) -> Any:
    text = value if isinstance(value, str) else value.read(LARGEST_JSON)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid([_("The part “incident” is not JSON.")]) from None


def _frame_bytes(part: FilePart) -> bytes:
    try:
        return part.read(LARGEST_FRAME)
    except RequestEntityTooLarge:
        return b""  # left out and counted, like any other frame that cannot be used


def _draft(suffix: str) -> Path:
    try:
        return storage().new_temp(suffix)
    except NoRoom:
        raise StorageFull from None
