"""Incidents: detections as reported by a detector."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vigint_web.clock import utcnow
from vigint_web.extensions import Base
from vigint_web.models.site import Camera, Site
from vigint_web.models.types import UtcDateTime
from vigint_web.models.video import Video

# Encoding on the camera's side and a slow line take minutes at most.
LATE = timedelta(minutes=15)


# Test alerts are few and listed by themselves.
_TEST: dict[str, Any] = {"sqlite_where": text("is_test = 1"), "postgresql_where": text("is_test")}


class RiskLevel(StrEnum):
    """The detector's risk level, in rising order."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    # Missing or not recognized: could be HIGH, so it ranks above MEDIUM.
    UNKNOWN = "UNKNOWN"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """Return the place of this level in the rising order, from 0."""
        return list(RiskLevel).index(self)


class IncidentState(StrEnum):
    """The state of an incident's review."""

    NEW = "new"
    CONFIRMED = "confirmed"
    FALSE_ALARM = "false_alarm"
    CLOSED = "closed"


class Incident(Base):
    """One detection: its facts, its footage if there is any, and its key."""

    __tablename__ = "incidents"
    __table_args__ = (
        UniqueConstraint("api_key_id", "idempotency_key"),
        UniqueConstraint("api_key_id", "hosted_id", name="uq_incidents_api_key_id_hosted_id"),
        # The list of programs, in the order of receipt.
        Index("ix_incidents_site", "site_id", "id"),
        # Its third column keeps it from giving the order in which those of a fast clock are listed:
        # between it and the small index below SQLite, without statistics, chose by chance.
        Index("ix_incidents_site_created", "site_id", "created_at", "detected_at"),
        # Also used for counting those detected before their receipt, without reading the rows: the
        # indexes by which incidents are counted end with what keeps test alerts out.
        Index("ix_incidents_site_detected", "site_id", "detected_at", "created_at", "is_test"),
        # Those detected after their receipt, by a fast clock: few.
        Index(
            "ix_incidents_site_fast",
            "site_id",
            "created_at",
            sqlite_where=text("detected_at > created_at"),
            postgresql_where=text("detected_at > created_at"),
        ),
        # The list of all sites.
        Index("ix_incidents_detected", "detected_at", "id"),
        # A site's list of each state, and the number of undecided ones.
        Index(
            "ix_incidents_site_state_detected", "site_id", "state", "detected_at", "id", "is_test"
        ),
        # By risk, and for the choice of types.
        Index("ix_incidents_site_risk", "site_id", "risk_level", "detected_at", "id"),
        Index("ix_incidents_site_type", "site_id", "incident_type", "detected_at", "id"),
        Index(
            "ix_incidents_site_state_risk", "site_id", "state", "risk_level", "detected_at", "id"
        ),
        Index("ix_incidents_assignee", "assignee_id", "detected_at"),
        Index("ix_incidents_camera", "camera_id", "detected_at", "id"),
        # The number of undecided ones of each camera.
        Index(
            "ix_incidents_camera_undecided",
            "camera_id",
            "is_test",
            sqlite_where=text("state = 'new'"),
            postgresql_where=text("state = 'new'"),
        ),
        # The last false alarm of each camera, whose reason the next one is likely to have.
        Index(
            "ix_incidents_camera_false_alarms",
            "camera_id",
            "decided_at",
            sqlite_where=text("decision = 'false_alarm'"),
            postgresql_where=text("decision = 'false_alarm'"),
        ),
        # The list for programs by each of its filters.
        Index("ix_incidents_site_state", "site_id", "state", "id"),
        Index(
            "ix_incidents_site_decision",
            "site_id",
            "decision",
            "id",
            sqlite_where=text("decision IS NOT NULL"),
            postgresql_where=text("decision IS NOT NULL"),
        ),
        Index(
            "ix_incidents_site_assignee",
            "site_id",
            "assignee_id",
            "id",
            sqlite_where=text("assignee_id IS NOT NULL"),
            postgresql_where=text("assignee_id IS NOT NULL"),
        ),
        # Test alerts, in the order of detection and in that of receipt.
        Index("ix_incidents_site_tests", "site_id", "detected_at", "id", **_TEST),
        Index("ix_incidents_site_tests_received", "site_id", "id", **_TEST),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(64), unique=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("cameras.id"))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))
    video_id: Mapped[int | None] = mapped_column(ForeignKey("videos.id"), unique=True)
    # The link in the answer to the detector, so that a repeated post gets the same answer.
    link_id: Mapped[int | None]
    # The program's own id for a hosted video, scoped to its key; it remains when the video is
    # deleted. Storage, pages of operators and the audit trail use the video's own id.
    hosted_id: Mapped[str | None] = mapped_column(String(64))
    # The first report of this one's cool-down, whose mail about several covers it.
    grouped_under_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    body_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    message: Mapped[str] = mapped_column(Text)
    incident_type: Mapped[str] = mapped_column(String(100))
    risk_level: Mapped[RiskLevel] = mapped_column(String(16))
    confidence: Mapped[float | None]
    frame_count: Mapped[int | None]
    analysis: Mapped[str] = mapped_column(Text, default="")
    detected_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The detector's time had no offset, and was read in the configured zone.
    zone_assumed: Mapped[bool] = mapped_column(default=False)
    site_name: Mapped[str | None] = mapped_column(String(200))
    model: Mapped[str | None] = mapped_column(String(200))
    model_version: Mapped[str | None] = mapped_column(String(100))
    # As sent, which may be megabytes; those understood are in `IncidentBoxes`.
    boxes: Mapped[Any | None] = mapped_column(JSON, deferred=True)
    extra: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    # Received values that differ from those used; see services/incidents/payload_warnings.py.
    warnings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    link_hours: Mapped[int]
    # Mailed like any other, but marked and no work. Processes of the version before insert without
    # it.
    is_test: Mapped[bool] = mapped_column(default=False, server_default=false())

    frames_received: Mapped[int] = mapped_column(default=0)
    frames_used: Mapped[int | None]
    # Null until encoded; False: the clip plays at 25 fps because its true pace is unknown.
    pace_known: Mapped[bool | None]
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))

    # The review; see services/review/. Processes of the version before insert without a state.
    state: Mapped[IncidentState] = mapped_column(
        String(16), default=IncidentState.NEW, server_default=IncidentState.NEW.value
    )
    # The last judgement (CONFIRMED or FALSE_ALARM), which a closed incident keeps; with its author.
    decision: Mapped[IncidentState | None] = mapped_column(String(16))
    # Of a false alarm; the code of a FalseAlarmReason.
    reason: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(254))
    # A user; without a constraint, as `link_id`.
    assignee_id: Mapped[int | None]

    # The main box, as shares of the picture: lists crop their picture around it.
    focus_x: Mapped[float | None]
    focus_y: Mapped[float | None]
    focus_w: Mapped[float | None]
    focus_h: Mapped[float | None]

    site: Mapped[Site] = relationship(lazy="joined")
    grouped_under: Mapped["Incident | None"] = relationship(
        remote_side="Incident.id", lazy="selectin", join_depth=1
    )
    camera: Mapped[Camera | None] = relationship(lazy="joined")
    video: Mapped[Video | None] = relationship(lazy="joined")

    @property
    def video_name(self) -> str | None:
        """Return the id given by the program that sent the video, if there is one."""
        return self.hosted_id or (self.video.public_id if self.video else None)

    @property
    def is_ahead(self) -> bool:
        """Return whether it was detected after its receipt, by a clock that is fast."""
        return self.detected_at > self.created_at

    @property
    def listed_at(self) -> datetime:
        """Return its time in lists: that of detection, of receipt where the clock is fast."""
        return min(self.detected_at, self.created_at)

    @property
    def is_late(self) -> bool:
        """Return whether it was received long after its detection, as after an outage."""
        return self.created_at - self.detected_at > LATE

    @property
    def frames_left_out(self) -> int | None:
        """Return how many received frames are not in the clip, once known."""
        return None if self.frames_used is None else self.frames_received - self.frames_used
