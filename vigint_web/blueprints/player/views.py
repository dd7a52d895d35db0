"""Views of what a mailed link opens."""

import re
import secrets
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, make_response, render_template, request

from vigint_web.errors import LinkRefused
from vigint_web.http.bytes import decide, send, sent_bytes
from vigint_web.http.errors import RETRY_AFTER
from vigint_web.http.identity import visitor
from vigint_web.models import Audience, Link, VideoStatus
from vigint_web.services import links
from vigint_web.services.incidents import find_incident_of
from vigint_web.services.link_rules import Opening
from vigint_web.services.playback import playable_bytes
from vigint_web.services.sources import find_source_of
from vigint_web.wording import failure_sentence, refusal_sentence

blueprint = Blueprint("player", __name__)

_VIEW = re.compile(r"[A-Za-z0-9_-]{1,64}")


@blueprint.get("/video/<video_id>")
def page(video_id: str) -> Response:
    """Show the page of a link: what, where, when, and the player."""
    token = request.args.get("token", "")
    link = links.open_link(token, Opening.PAGE, visitor(), public_id=video_id)
    video = link.video
    ready = video.status == VideoStatus.READY
    status = 200 if ready else 409
    source = find_source_of(video.id)
    view = secrets.token_urlsafe(12)
    # A person's link opens neither name nor description unless granted.
    granted = link.full_access or link.audience == Audience.PROGRAM
    pictures = f"/api/video/{quote(token)}/thumbnail/"
    response = make_response(
        render_template(
            "player/page.html",
            link=link,
            video=video,
            incident=find_incident_of(video.id),
            source=source if granted else None,
            # The last viewing of a limited link goes on although no other may begin.
            state_url=f"/video/{quote(video_id)}/state?token={quote(token)}&view={view}",
            stream_url=f"/stream/{quote(token)}/?view={view}",
            poster_url=f"{pictures}?size=small" if video.poster_key else None,
            large_poster_url=pictures if video.thumbnail_key else None,
            failure=failure_sentence(video.error_code) if video.status == "failed" else None,
        ),
        status,
    )
    if not ready and video.status != VideoStatus.FAILED:
        response.headers["Retry-After"] = RETRY_AFTER["not_ready"]
    links.log_access(link.id, Opening.PAGE, visitor(), status)
    return response


@blueprint.get("/video/<video_id>/state")
def state(video_id: str) -> Response:
    """Tell an open page whether its link still lives, and whether its video is ready.

    Always 200: a dead link is an answer here, no error of this request.
    """
    token = request.args.get("token", "")
    view = _view()
    try:
        link = links.open_link(token, Opening.STATE, visitor(), public_id=video_id, view=view)
    except LinkRefused as refused:
        return jsonify(
            alive=False,
            status=None,
            code=refused.code,
            sentence=str(refusal_sentence(refused.code)),
        )
    return jsonify(alive=True, status=link.video.status, code=None, sentence=None)


@blueprint.get("/stream/<token>/", merge_slashes=False)
def stream(token: str) -> Response:
    """Send playable bytes, usable by a video element on any site."""
    view = _view()
    counts = request.method == "GET"
    link = links.open_link(token, Opening.STREAM, visitor(), view=view, counts=counts)
    return _send(link, view)


def _view() -> str | None:
    """Return the name of the viewing a request belongs to, if it is one of ours."""
    named = request.args.get("view", "")
    return named if _VIEW.fullmatch(named) else None


def _send(link: Link, view: str | None) -> Response:
    stored = playable_bytes(link.video)
    decided = decide(stored)
    response = send(stored, decided, link=link)
    span = sent_bytes(decided)
    links.log_access(link.id, Opening.STREAM, visitor(), decided.status, view=view, span=span)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
