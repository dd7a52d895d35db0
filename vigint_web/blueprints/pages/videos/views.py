"""Views of footage and pictures for logged-in users, by their session instead of a link."""

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _

from vigint_web.errors import NotFound
from vigint_web.http.security.identity import actor
from vigint_web.http.streaming.ranged_response import decide, send, sent_bytes
from vigint_web.media.webvtt import CONTENT_TYPE
from vigint_web.services.audit.staff_access import record_own_playback, record_prefetch
from vigint_web.services.incidents.clip_boxes import boxes_of_video
from vigint_web.services.incidents.downloads import Part, begin_download, get_download
from vigint_web.services.videos.stored_files import (
    StoredBytes,
    find_visible_video,
    playable_bytes,
    poster_bytes,
    sprite_bytes,
    thumbnail_bytes,
)
from vigint_web.services.videos.timeline_tracks import chapters as chapters_of
from vigint_web.services.videos.timeline_tracks import clock as clock_of
from vigint_web.services.videos.timeline_tracks import previews as previews_of
from vigint_web.services.videos.timeline_tracks import timeline_document

blueprint = Blueprint("videos", __name__, url_prefix="/videos")

# Long enough for switching between a list and its entries; short, because a picture must not remain
# in a browser after its video was deleted. After that the ETag saves the bytes.
_PICTURE_SECONDS = 300
# As much as a browser gets of an open-ended range; what is beyond it is loaded by those who play.
_AHEAD_BYTES = 1024 * 1024


@blueprint.get("/<public_id>/stream")
def stream(public_id: str) -> Response:
    """Play a video of the user's sites; audited.

    With `ahead` its beginning is loaded for a page that may show it next, which is another event.
    """
    video = find_visible_video(actor(), public_id)
    stored = playable_bytes(video, request.args.get("track"))
    decided = decide(stored)
    sent = sent_bytes(decided)
    if sent is not None:
        ahead = request.args.get("ahead") == "1" and sent[1] < _AHEAD_BYTES
        (record_prefetch if ahead else record_own_playback)(actor(), video)
    return send(stored, decided)


# Not below an incident's address: nginx treats these as footage (deploy/nginx/vigint.conf).
@blueprint.get("/<public_id>/download/<any(clip, original, frames):part>")
def download(public_id: str, part: str) -> Response:
    """Send an incident's clip, or its video or images as received; audited."""
    found = get_download(actor(), public_id, Part(part))
    decided = decide(found.stored)
    sent = sent_bytes(decided)
    if sent is not None:
        begin_download(actor(), found, first=sent[0])
    return send(found.stored, decided)


@blueprint.get("/<public_id>/poster")
def poster(public_id: str) -> Response:
    """Show a video's picture; `track` asks for that of a further one of a file that has several."""
    video = find_visible_video(actor(), public_id)
    return _picture(poster_bytes(video, request.args.get("track")))


@blueprint.get("/<public_id>/thumbnail")
def thumbnail(public_id: str) -> Response:
    """Send a video's small picture for lists."""
    return _picture(thumbnail_bytes(find_visible_video(actor(), public_id)))


@blueprint.get("/<public_id>/sprite.jpg")
def sprite(public_id: str) -> Response:
    """Send the sprite sheet with small pictures of a video's whole length."""
    return _picture(sprite_bytes(find_visible_video(actor(), public_id)))


@blueprint.get("/<public_id>/previews.vtt")
def previews(public_id: str) -> Response:
    """Return, for players, the position of each picture in the sprite sheet."""
    return Response(previews_of(find_visible_video(actor(), public_id)), content_type=CONTENT_TYPE)


@blueprint.get("/<public_id>/chapters.vtt")
def chapters(public_id: str) -> Response:
    """Return, for players, the starts of scenes."""
    video = find_visible_video(actor(), public_id)
    text = chapters_of(video, lambda number: _("Scene %(number)s", number=number))
    return Response(text, content_type=CONTENT_TYPE)


@blueprint.get("/<public_id>/clock.vtt")
def clock(public_id: str) -> Response:
    """Return, for players, the time of recording at each position of a video."""
    return Response(clock_of(find_visible_video(actor(), public_id)), content_type=CONTENT_TYPE)


@blueprint.get("/<public_id>/timeline.json")
def timeline(public_id: str) -> Response:
    """Return scenes and motion."""
    return jsonify(timeline_document(find_visible_video(actor(), public_id)))


@blueprint.get("/<public_id>/boxes.json")
def boxes(public_id: str) -> Response:
    """Return, for players, the boxes around what a detector found, and when each is shown."""
    document = boxes_of_video(find_visible_video(actor(), public_id).id)
    if document is None:
        raise NotFound
    return jsonify(document)


def _picture(stored: StoredBytes | None) -> Response:
    if stored is None:
        raise NotFound
    response = send(stored, decide(stored))
    response.headers["Cache-Control"] = f"private, max-age={_PICTURE_SECONDS}"
    return response
