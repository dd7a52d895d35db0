"""Store the boxes of an incident, and its main one with it."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from vigint_web.models import Incident, IncidentBoxes
from vigint_web.services.incidents.boxes import Box, common_labels, main_box


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
    focus_on(incident, main_box(boxes))


def focus_on(incident: Incident, box: Box | None) -> None:
    """Have lists crop an incident's picture around a box; around none, if there is none."""
    places = (None, None, None, None) if box is None else (box.x, box.y, box.w, box.h)
    incident.focus_x, incident.focus_y, incident.focus_w, incident.focus_h = places
