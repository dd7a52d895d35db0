"""Store the boxes of an incident, and where its clip shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from vigint_web.extensions import db
from vigint_web.models import Incident, IncidentBoxes
from vigint_web.services.incidents.box_frames import Drawn, Place, drawn_document
from vigint_web.services.incidents.boxes import Box, common_labels, main_box


@dataclass(frozen=True)
class BoxSummary:
    """How many boxes an incident has, in how many frames; and whether its clip shows any."""

    number: int
    frames: int
    labels: list[str]
    is_drawn: bool


def add_boxes(session: Session, incident: Incident, boxes: Sequence[Box]) -> None:
    """Store the boxes of a new incident, inside the caller's transaction."""
    if not boxes:
        return
    session.add(
        IncidentBoxes(
            incident_id=incident.id,
            number=len(boxes),
            frames=len({box.frame for box in boxes}),
            labels=common_labels(boxes),
            boxes=[list(box) for box in boxes],
        )
    )
    _focus(incident, main_box(boxes))


def boxes_about(video_id: int) -> list[Box]:
    """Return the boxes of the incident that a video belongs to, in the order of their frames."""
    kept = _of_video(video_id)
    return [] if kept is None else _boxes(kept)


def place_boxes(session: Session, incident: Incident, drawn: Drawn) -> None:
    """Store where a new clip shows the boxes, inside the caller's transaction."""
    kept = _whole(session, incident.id)
    if kept is None:
        return
    whole = {
        "frames": [list(place) for place in drawn.places],
        "poster_at": drawn.poster_at,
        "main_at": drawn.main_at,
    }
    kept.places = whole if drawn.places else None
    if drawn.main is not None:
        _focus(incident, drawn.main)


def main_moment(video_id: int) -> float | None:
    """Return when a clip shows the main box, in seconds; None where it shows none."""
    kept = _of_video(video_id)
    found: float | None = (kept.places or {}).get("main_at") if kept is not None else None
    return found


def record_poster(session: Session, video_id: int, at: float) -> None:
    """Record the moment of the clip that its poster shows, in the caller's transaction."""
    kept = _of_video(video_id)
    if kept is not None and kept.places is not None:
        kept.places = {**kept.places, "poster_at": at}
        session.flush()


def summary_of(incident: Incident) -> BoxSummary | None:
    """Return what an incident's boxes are, without reading them; None where there are none."""
    kept = db.session.execute(
        select(
            IncidentBoxes.number,
            IncidentBoxes.frames,
            IncidentBoxes.labels,
            IncidentBoxes.places.is_not(None),
        ).where(IncidentBoxes.incident_id == incident.id)
    ).one_or_none()
    return None if kept is None else BoxSummary(*kept)


def boxes_of_video(video_id: int) -> dict[str, Any] | None:
    """Return what is drawn over a video, see `drawn_document`; None where nothing is."""
    kept = _of_video(video_id)
    if kept is None or kept.places is None:
        return None
    places = [
        Place(frame, at, until, held, tuple(area))
        for frame, at, until, held, area in kept.places["frames"]
    ]
    return drawn_document(_boxes(kept), places, kept.places["poster_at"])


def _of_video(video_id: int) -> IncidentBoxes | None:
    incident_id = db.session.scalar(select(Incident.id).where(Incident.video_id == video_id))
    return None if incident_id is None else _whole(db.session, incident_id)


def _whole(session: Any, incident_id: int) -> IncidentBoxes | None:
    whole = [undefer(IncidentBoxes.boxes), undefer(IncidentBoxes.places)]
    found: IncidentBoxes | None = session.get(IncidentBoxes, incident_id, options=whole)
    return found


def _boxes(kept: IncidentBoxes) -> list[Box]:
    return [Box(*values) for values in kept.boxes]


def _focus(incident: Incident, box: Box | None) -> None:
    sides = (None, None, None, None) if box is None else (box.x, box.y, box.w, box.h)
    incident.focus_x, incident.focus_y, incident.focus_w, incident.focus_h = sides
