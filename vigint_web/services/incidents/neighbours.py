"""Find what else the cameras of an incident's site saw around its time."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, tuple_

from vigint_web.extensions import db
from vigint_web.models import Incident, Source, Video, VideoKind
from vigint_web.services.core.actors import Actor

# What a person sees who leaves one camera's picture and enters another's.
AROUND = timedelta(minutes=2)
_MOST = 6
# Read in each direction, of which each camera's nearest is shown.
_READ = 40
# A recording that began earlier than this is not looked for.
_LONGEST_RECORDING = timedelta(hours=12)


@dataclass(frozen=True)
class Neighbours:
    """The last incident of the same camera before one, and the next one after it.

    ``others``: those of other cameras of the site within `AROUND`, the nearest of each, in order of
    time. ``recordings``: sources of the site that were recorded then.
    """

    before: Incident | None
    after: Incident | None
    others: list[Incident]
    recordings: list[Source]

    def __bool__(self) -> bool:
        return any((self.before, self.after, self.others, self.recordings))


def neighbours_of(actor: Actor, incident: Incident) -> Neighbours:
    """Return what an actor may see of what else happened around an incident."""
    return Neighbours(
        _beside(actor, incident, later=False),
        _beside(actor, incident, later=True),
        _other_cameras(actor, incident),
        _recordings(actor, incident),
    )


def _beside(actor: Actor, incident: Incident, *, later: bool) -> Incident | None:
    """Return the camera's next incident in one direction, by its index."""
    if incident.camera_id is None:
        return None
    columns = (Incident.detected_at, Incident.id)
    here, there = tuple_(*columns), (incident.detected_at, incident.id)
    query = select(Incident).where(
        Incident.camera_id == incident.camera_id,
        ~Incident.is_test,
        actor.scope(Incident.site_id),
        here > there if later else here < there,
    )
    order = [column.asc() if later else column.desc() for column in columns]
    return db.session.scalar(query.order_by(*order).limit(1))


def _other_cameras(actor: Actor, incident: Incident) -> list[Incident]:
    found: dict[int, Incident] = {}
    for one in sorted(
        [*_near(actor, incident, later=False), *_near(actor, incident, later=True)],
        key=lambda other: abs(other.detected_at - incident.detected_at),
    ):
        if one.camera_id is not None and one.camera_id != incident.camera_id:
            found.setdefault(one.camera_id, one)
    nearest = list(found.values())[:_MOST]
    return sorted(nearest, key=lambda other: (other.detected_at, other.id))


def _near(actor: Actor, incident: Incident, *, later: bool) -> list[Incident]:
    """Return the nearest of the site's incidents in one direction, by its index."""
    at = Incident.detected_at
    start, end = incident.detected_at - AROUND, incident.detected_at + AROUND
    span = (
        at.between(incident.detected_at, end) if later else at.between(start, incident.detected_at)
    )
    query = select(Incident).where(
        Incident.site_id == incident.site_id,
        span,
        Incident.camera_id.is_not(None),
        Incident.id != incident.id,
        ~Incident.is_test,
        actor.scope(Incident.site_id),
    )
    return list(db.session.scalars(query.order_by(at if later else at.desc()).limit(_READ)))


def _recordings(actor: Actor, incident: Incident) -> list[Source]:
    """Return the sources that were being recorded at the time, the last begun first, by index."""
    at = incident.detected_at
    videos = (
        select(Video.id, Video.recorded_at, Video.duration)
        .where(
            Video.kind == VideoKind.SOURCE,
            Video.recorded_at.between(at - _LONGEST_RECORDING, at + AROUND),
            Video.site_id == incident.site_id,
            actor.scope(Video.site_id),
        )
        .order_by(Video.recorded_at.desc(), Video.id.desc())
        .limit(_READ)
    )
    begun = [
        video_id
        for video_id, recorded, duration in db.session.execute(videos).all()
        if recorded is not None and recorded + timedelta(seconds=duration or 0) >= at - AROUND
    ][:_MOST]
    if not begun:
        return []
    sources = db.session.scalars(select(Source).where(Source.video_id.in_(begun)))
    by_video = {source.video_id: source for source in sources}
    return [by_video[video_id] for video_id in begun if video_id in by_video]
