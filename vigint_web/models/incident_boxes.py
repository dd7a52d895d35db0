"""Boxes of incidents: what a detector found in which frame, and where in the clip each frame is."""

from typing import Any

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.extensions import Base


class IncidentBoxes(Base):
    """The boxes of one incident that has any; apart from it, because lists read its row."""

    __tablename__ = "incident_boxes"

    incident_id: Mapped[int] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # Their number, that of their frames, and the most common labels: for the incident's page.
    number: Mapped[int]
    frames: Mapped[int]
    labels: Mapped[list[str]] = mapped_column(JSON)
    # Each [frame, x, y, w, h, label, score, track], by frame; see services/incidents/boxes.py.
    boxes: Mapped[list[list[Any]]] = mapped_column(JSON, deferred=True)
    # When the clip shows which frame; null until it is encoded, and where it shows none: {"frames":
    # [[frame, at, until, held, area]], "poster_at", "main_at": seconds or null}; see box_frames.py.
    places: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
