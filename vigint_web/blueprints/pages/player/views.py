"""Views of a mailed link."""

from dataclasses import replace
from urllib.parse import quote

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    render_template,
    request,
    url_for,
)

from vigint_web.blueprints.pages.player.requests import StreamQuery
from vigint_web.errors import LinkRefused
from vigint_web.http.base.errors import RETRY_AFTER, STATUSES
from vigint_web.http.pages.locale import use_zone
from vigint_web.http.pages.request_models import read_query
from vigint_web.http.security.cross_origin import open_link
from vigint_web.http.security.identity import visitor
from vigint_web.http.security.visitor_cookies import read_mark, set_mark
from vigint_web.http.streaming.ranged_response import decide, send, sent_bytes
from vigint_web.i18n.formats import reader_zone
from vigint_web.i18n.sentences import refusal_sentence
from vigint_web.mail.words import verification
from vigint_web.models import Audience, Incident, Link, VideoStatus
from vigint_web.services.accounts.sites import zone_for
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.links import access, play_names, plays
from vigint_web.services.links.rules import Opening
from vigint_web.services.notifications.confirmation import confirmation_of
from vigint_web.services.sources.sources import find_source_of
from vigint_web.services.videos.stored_files import Picture, pictures_of, playable_bytes

blueprint = Blueprint("player", __name__)


@blueprint.get("/video/<video_id>")
def page(video_id: str) -> Response:
    """Show the page of a link: type, place, time, and the player.

    Mail programs extend an address by characters after it: such an address redirects to the page.
    """
    token = request.args.get("token", "")
    meant = access.meant_token(token, video_id)
    if meant is not None:
        address = url_for(".page", video_id=video_id, token=meant)
        return Response(status=302, headers={"Location": address})
    going_on = request.args.get("view")
    link = _opened(token, Opening.PAGE, video_id, going_on)
    video = link.video
    ready = video.status == VideoStatus.READY
    status = 200 if ready else 409
    source = find_source_of(video.id)
    mark = read_mark() or play_names.new_mark()
    who = replace(visitor(), mark=mark)
    # Choosing another track of the same video continues the play.
    view = plays.own_view(link, going_on, visitor()) or plays.new_view(link, who)
    tracks = pictures_of(video)
    chosen = _chosen(tracks, request.args.get("track"))
    incident = find_incident_of(video.id)
    use_zone(zone_for(SYSTEM, link.site_id))
    # A person's link shows neither name nor description unless granted.
    granted = link.full_access or link.audience == Audience.PROGRAM
    pictures = f"/api/video/{quote(token)}/thumbnail/"
    response = make_response(
        render_template(
            "player/page.html",
            link=link,
            video=video,
            incident=incident,
            verified=_verified(incident) if incident is not None else None,
            source=source if granted else None,
            # The last play of a limited link continues although no other may begin.
            state_url=f"/video/{quote(video_id)}/state?token={quote(token)}&view={view}",
            stream_url=f"/stream/{quote(token)}/?view={view}",
            poster_url=f"{pictures}?size=small" if video.file("poster") else None,
            large_poster_url=pictures if video.file("thumbnail") else None,
            pictures_url=pictures,
            original_url=f"/api/video/{quote(token)}/download/?view={view}" if granted else None,
            tracks=tracks,
            chosen=chosen,
            page_url=f"/video/{quote(video_id)}?token={quote(token)}&view={view}",
        ),
        status,
    )
    if not ready and video.status != VideoStatus.FAILED:
        response.headers["Retry-After"] = RETRY_AFTER["not_ready"]
    set_mark(response, mark)
    access.log_access(link.id, Opening.PAGE, visitor(), status)
    return response


def _opened(token: str, opening: Opening, video_id: str, view: str | None) -> Link:
    return access.open_link(
        token, opening, visitor(), statuses=STATUSES, public_id=video_id, view=view
    )


def _verified(incident: Incident) -> str:
    """Return whether a person has confirmed the incident, as in the mail about it."""
    return verification(confirmation_of(incident), incident.detected_at, reader_zone())


def _chosen(tracks: list[Picture], number: str | None) -> Picture | None:
    """Return the track of that number, else the first; None if there is only one."""
    named = (track for track in tracks if str(track.number) == number)
    return next(named, tracks[0] if tracks else None)


@blueprint.get("/video/<video_id>/state")
def state(video_id: str) -> Response:
    """Return to an open page whether its link is valid, and whether its video is ready.

    Always 200: an ended link is a valid answer to this request. `page` is what the link's address
    shows from now on, for the open page to show in its place.
    """
    token = request.args.get("token", "")
    view = request.args.get("view")
    try:
        link = _opened(token, Opening.STATE, video_id, view)
    except LinkRefused as refused:
        sentence = str(refusal_sentence(refused.code))
        return jsonify(
            alive=False,
            status=None,
            code=refused.code,
            sentence=sentence,
            page=render_template(
                "player/refused.html",
                code=refused.code,
                sentence=sentence,
                opens_at=refused.opens_at,
            ),
        )
    return jsonify(alive=True, status=link.video.status, code=None, sentence=None, page=None)


@blueprint.get("/stream/<token>/", merge_slashes=False)
def stream(token: str) -> Response:
    """Send playable bytes, usable by a video element on any site."""
    asked, counts = read_query(StreamQuery), request.method == "GET"
    view, track = asked.view, asked.track
    link = open_link(token, Opening.STREAM, view=view, track=track, counts=counts)
    return _send(link, view, track)


def _send(link: Link, view: str | None, track: str | None) -> Response:
    stored = playable_bytes(link.video, track)
    decided = decide(stored)
    response = send(stored, decided, link=link)
    access.log_access(
        link.id,
        Opening.STREAM,
        visitor(),
        decided.status,
        view=plays.own_view(link, view, visitor()),
        span=sent_bytes(decided),
        track=None if track in {None, "1"} else int(track),
    )
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
