"""Views that give logged-in people pictures and playback, by their session instead of a link."""

from flask import Blueprint, Response

from vigint_web.errors import NotFound
from vigint_web.http.bytes import decide, send
from vigint_web.http.identity import actor
from vigint_web.services.playback import find_visible_video, playable_bytes, poster_bytes

blueprint = Blueprint("videos", __name__, url_prefix="/videos")


@blueprint.get("/<public_id>/stream")
def stream(public_id: str) -> Response:
    """Play a video of the person's sites."""
    stored = playable_bytes(find_visible_video(actor(), public_id))
    return send(stored, decide(stored))


@blueprint.get("/<public_id>/poster")
def poster(public_id: str) -> Response:
    """Show a video's picture."""
    stored = poster_bytes(find_visible_video(actor(), public_id))
    if stored is None:
        raise NotFound
    return send(stored, decide(stored))
