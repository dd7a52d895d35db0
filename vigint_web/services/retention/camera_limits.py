"""Bring the limits that cameras state into force, at once or after a decision or a waiting time.

The settings of a camera state for how many days its footage must and may be kept. As with a changed
[Retention] setting, what deletes earlier waits until an administrator agrees or 24 hours passed.
"""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import Camera, CameraLimits, Incident, RetentionSetting
from vigint_web.services.accounts.cameras import edit_camera, facts_of, find_camera
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention.changes import begin_moving, ensure_row, locked_row
from vigint_web.services.videos.retention_dates import (
    count_of_cameras,
    in_force,
    limits_of,
)
from vigint_web.services.videos.retention_rules import (
    NO_LIMITS,
    Action,
    Days,
    Limits,
    LimitsProposal,
    Setting,
    decide_limits,
    is_shorter,
    observed_step,
)

log = logging.getLogger(__name__)

_SOON = timedelta(days=7)
MOST_SHOWN = 20


@dataclass(frozen=True)
class CameraRetention:
    """For how long a camera's footage is kept, and for how long its settings state it."""

    # None: until it is deleted by a user.
    days: Days
    in_force: Limits
    stated: Limits
    # What the stated limits would make of the days; the same while nothing waits.
    wanted: Days
    # The stated limits delete earlier, and wait for a decision or for time.
    waits: LimitsProposal | None = None
    # How many videos they would delete at once, and further ones within a week.
    now: int = 0
    soon: int = 0


def follow_cameras(since_last_look: timedelta) -> None:
    """Compare what the settings of cameras state with what is in force, and apply the rules.

    Args:
        since_last_look: by this process's monotonic clock; zero for its first look.
    """
    for camera_id in db.session.scalars(_differing()).all():
        ensure_row(Setting.INCIDENTS)
        with transaction() as session:
            setting = locked_row(session, Setting.INCIDENTS)
            _follow(session, setting, camera_id, since_last_look)


def describe(actor: Actor, camera_id: int) -> CameraRetention:
    """Return for how long a camera's footage is kept; raises NotFound."""
    camera = find_camera(actor, camera_id)
    row = db.session.get(CameraLimits, camera_id, populate_existing=True)
    days, limits, stated = in_force(Setting.INCIDENTS), _limits(row), _stated(camera)
    found = CameraRetention(limits.kept(days), limits, stated, stated.kept(days))
    if not is_shorter(found.wanted, found.days) or not _is_anything_kept(camera_id):
        return found
    now, soon = _losses(camera_id, found.wanted)
    proposal = _proposal(row)
    if proposal is None or proposal.limits != stated:
        proposal = LimitsProposal(stated)
    return replace(found, waits=proposal, now=now, soon=soon)


def list_waiting(actor: Actor) -> list[Camera]:
    """Return the cameras of the actor's sites whose shorter limits wait; at most `MOST_SHOWN`."""
    waiting = select(CameraLimits.camera_id).where(CameraLimits.proposed_at.is_not(None))
    query = select(Camera).where(actor.scope(Camera.site_id), Camera.id.in_(waiting))
    return list(db.session.scalars(query.order_by(Camera.name, Camera.id).limit(MOST_SHOWN)))


def confirm_limits(actor: Actor, camera_id: int, shown: Limits) -> None:
    """Bring what a camera's settings state into force now.

    Args:
        shown: the limits that the user saw; the settings may have changed since.

    Raises:
        NotFound: the camera does not exist for this actor.
        Conflict: its settings state other limits, or these are in force already.
    """
    ensure_row(Setting.INCIDENTS)
    with transaction() as session:
        setting = locked_row(session, Setting.INCIDENTS)
        camera = find_camera(actor, camera_id)
        session.refresh(camera)
        row = session.get(CameraLimits, camera_id, populate_existing=True)
        if _stated(camera) != shown or shown == _limits(row):
            raise Conflict
        _bring_into_force(actor, session, setting, camera, row)


def keep_limits(actor: Actor, camera_id: int, shown: Limits) -> None:
    """Set the settings of a camera back to the limits in force.

    Raises:
        NotFound: the camera does not exist for this actor.
        Conflict: its settings state other limits than those that the user saw.
    """
    with transaction() as session:
        camera = find_camera(actor, camera_id)
        session.refresh(camera)
        row = session.get(CameraLimits, camera_id, populate_existing=True)
        if _stated(camera) != shown:
            raise Conflict
        limits = _limits(row)
        if row is not None:
            _forget_proposal(row)
        kept = replace(facts_of(camera), least_days=limits.least, most_days=limits.most)
        edit_camera(actor, camera_id, kept)


def limiting(camera_id: int | None) -> Days:
    """Return the days for which a camera's limits let its incidents be kept, if they decide."""
    days = in_force(Setting.INCIDENTS)
    kept = limits_of(camera_id).kept(days)
    return kept if kept != days else None


def _differing() -> Select[int]:
    return (
        select(Camera.id)
        .outerjoin(CameraLimits, CameraLimits.camera_id == Camera.id)
        .where(
            or_(
                Camera.least_days.is_distinct_from(CameraLimits.least_days),
                Camera.most_days.is_distinct_from(CameraLimits.most_days),
                CameraLimits.proposed_at.is_not(None),
            )
        )
        .order_by(Camera.id)
    )


def _follow(
    session: Session, setting: RetentionSetting, camera_id: int, since_last_look: timedelta
) -> None:
    camera = session.get(Camera, camera_id, populate_existing=True)
    if camera is None:
        return
    row = session.get(CameraLimits, camera_id, populate_existing=True)
    now, proposal, stated = utcnow(), _proposal(row), _stated(camera)
    noted = row.noted_at if row is not None and row.noted_at is not None else now
    step = observed_step(since_last_look, now - noted)
    action = decide_limits(
        stated,
        _limits(row),
        proposal,
        days=setting.days,
        harmless=not _is_anything_kept(camera_id),
        step=step,
    )
    match action:
        case Action.ADOPT | Action.ELAPSE:
            _bring_into_force(SYSTEM, session, setting, camera, row)
        case Action.PROPOSE:
            row = row or _added(session, camera_id)
            row.proposed_at = row.noted_at = now
            row.proposed_least_days, row.proposed_most_days = stated.least, stated.most
            row.waited_seconds = 0
            at_once, soon = _losses(camera_id, stated.kept(setting.days))
            _record(SYSTEM, "proposed", camera, stated, now=at_once, soon=soon)
            log.warning("the limits of camera %s would delete earlier; they are pending", camera_id)
        case Action.WAIT if row is not None:
            row.waited_seconds += round(step.total_seconds())
            row.noted_at = now
        case Action.CANCEL if row is not None and proposal is not None:
            _forget_proposal(row)
            _record(SYSTEM, "cancelled", camera, proposal.limits)


def _bring_into_force(
    actor: Actor,
    session: Session,
    setting: RetentionSetting,
    camera: Camera,
    row: CameraLimits | None,
) -> None:
    stated, before = _stated(camera), _limits(row)
    days = stated.kept(setting.days)
    lost = _losses(camera.id, days)[0] if is_shorter(days, before.kept(setting.days)) else 0
    row = row or _added(session, camera.id)
    row.least_days, row.most_days = stated.least, stated.most
    _forget_proposal(row)
    begin_moving(setting)
    session.flush()
    before_them = {"least_before": before.least, "most_before": before.most}
    _record(actor, "changed", camera, stated, **before_them, deletes=lost)


def _added(session: Session, camera_id: int) -> CameraLimits:
    row = CameraLimits(camera_id=camera_id, waited_seconds=0)
    session.add(row)
    return row


def _forget_proposal(row: CameraLimits) -> None:
    row.proposed_at = row.noted_at = None
    row.proposed_least_days = row.proposed_most_days = None
    row.waited_seconds = 0


def _stated(camera: Camera) -> Limits:
    return Limits(camera.least_days, camera.most_days)


def _limits(row: CameraLimits | None) -> Limits:
    return NO_LIMITS if row is None else Limits(row.least_days, row.most_days)


def _proposal(row: CameraLimits | None) -> LimitsProposal | None:
    if row is None or row.proposed_at is None:
        return None
    limits = Limits(row.proposed_least_days, row.proposed_most_days)
    return LimitsProposal(limits, timedelta(seconds=row.waited_seconds))


def _is_anything_kept(camera_id: int) -> bool:
    held = select(Incident.id).where(
        Incident.camera_id == camera_id, Incident.video_id.is_not(None)
    )
    return db.session.scalar(held.limit(1)) is not None


def _losses(camera_id: int, days: Days) -> tuple[int, int]:
    """Return how many of a camera's videos would be deleted at once, and more within a week."""
    its = Incident.camera_id == camera_id
    now = count_of_cameras(its, days, utcnow())
    return now, count_of_cameras(its, days, utcnow() + _SOON) - now


def _record(actor: Actor, what: str, camera: Camera, limits: Limits, **detail: Days) -> None:
    trail.record(
        actor,
        f"camera:limits_{what}",
        f"camera:{camera.id}",
        site_id=camera.site_id,
        least_days=limits.least,
        most_days=limits.most,
        **detail,
    )
