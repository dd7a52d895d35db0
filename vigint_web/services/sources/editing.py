"""Edit a source: its name, description, tags, camera, recording time."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from vigint_web.clock import utcnow
from vigint_web.errors import EditedMeanwhile, Invalid, Mistake, MistakeCode
from vigint_web.extensions import db
from vigint_web.i18n.collation import fold
from vigint_web.models import Camera, Source, Video, VideoKind
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.audit import trail
from vigint_web.services.core import job_queue
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.transactions import after_commit, transaction
from vigint_web.services.sources.sources import get_source
from vigint_web.services.sources.tags import MOST, set_tags, tag_mistakes
from vigint_web.services.videos.lifecycle import restart_without_sound

LONGEST_NAME = 200
LONGEST_DESCRIPTION = 5000
LONGEST_CAMERA = 200
# A clock may be a little ahead; a video of tomorrow is a typing error.
_AHEAD = timedelta(days=1)


class TooManyTags(Invalid):
    """A source would have more tags than allowed."""

    def __init__(self, most: int) -> None:
        found = Mistake(MistakeCode.TOO_MANY_TAGS, "tags", {"most": most})
        super().__init__([found], found.code)


@dataclass(frozen=True)
class Facts:
    """The editable values of a source."""

    name: str
    description: str
    tags: tuple[str, ...]
    camera: str
    recorded_at: datetime | None

    @property
    def version(self) -> str:
        """Return a digest that changes with any of these values."""
        values = (
            self.name,
            self.description,
            sorted(self.tags),
            self.camera,
            str(self.recorded_at),
        )
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:20]


def facts_of(source: Source) -> Facts:
    """Return the current values of a source."""
    return Facts(
        name=source.name,
        description=source.description,
        tags=tuple(sorted((tag.name for tag in source.tags), key=lambda name: (fold(name), name))),
        camera=source.camera.name if source.camera else "",
        recorded_at=source.video.recorded_at,
    )


def edit_source(actor: Actor, source_id: str, wanted: Facts, version: str) -> Source:
    """Change the values of a source.

    Args:
        version: of the values that were shown to the user.

    Raises:
        EditedMeanwhile: they have changed since; nothing was done.
        Invalid: every mistake at once.
    """
    mistakes = _mistakes(wanted)
    if mistakes:
        raise Invalid(mistakes)
    with transaction() as session:
        source = _locked(actor, source_id)
        before = facts_of(source)
        if before.version != version:
            raise EditedMeanwhile
        source.name, source.description = wanted.name, wanted.description
        if before.tags != wanted.tags:
            set_tags(source, wanted.tags)
        source.camera = camera_of(source.site_id, wanted.camera) if wanted.camera else None
        source.video.recorded_at = wanted.recorded_at
        session.flush()
        if source.camera is not None and before.camera != facts_of(source).camera:
            _apply_sound(source.camera, source.video)
        _record(actor, source, before)
    return source


def _apply_sound(camera: Camera, video: Video) -> None:
    """Process a video again without its sound, if its new camera's settings require that."""
    if camera.keeps_sound:
        return
    attempt = restart_without_sound(video.id)
    if attempt is not None:
        after_commit(lambda: job_queue.enqueue_video(VideoKind.SOURCE, video.id, attempt))


def add_tags(actor: Actor, source_id: str, names: Sequence[str]) -> Source:
    """Add tags to a source, beside the existing ones; raises NotFound, TooManyTags."""
    with transaction():
        source = _locked(actor, source_id)
        before = facts_of(source)
        set_tags(source, [*before.tags, *names])
        if len(source.tags) > MOST:
            raise TooManyTags(MOST)
        _record(actor, source, before)
    return source


def list_cameras(site_id: int) -> list[Camera]:
    """Return the cameras of a site, by name."""
    return list(
        db.session.scalars(select(Camera).where(Camera.site_id == site_id).order_by(Camera.name))
    )


def _locked(actor: Actor, source_id: str) -> Source:
    """Return the current source, locked until the transaction ends."""
    source = get_source(actor, source_id)
    session = db.session()
    session.execute(select(Source.id).where(Source.id == source.id).with_for_update())
    session.execute(select(Video.id).where(Video.id == source.video_id).with_for_update())
    return get_source(actor, source_id)


def _record(actor: Actor, source: Source, before: Facts) -> None:
    changed = _changes(before, facts_of(source))
    if changed:
        trail.record(
            actor, "source:edited", f"source:{source.source_id}", site_id=source.site_id, **changed
        )


def _changes(before: Facts, after: Facts) -> dict[str, Any]:
    """Return the changes, each with old and new value."""
    return {
        name: [_plain(getattr(before, name)), _plain(getattr(after, name))]
        for name in ("name", "description", "tags", "camera", "recorded_at")
        if getattr(before, name) != getattr(after, name)
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _mistakes(wanted: Facts) -> list[Mistake]:
    mistakes = tag_mistakes(wanted.tags)
    if not wanted.name or len(wanted.name) > LONGEST_NAME:
        mistakes.append(Mistake(MistakeCode.NAME_LENGTH, "name", {"most": LONGEST_NAME}))
    mistakes += [
        Mistake(MistakeCode.TOO_LONG, name, {"most": most})
        for name, most in (("description", LONGEST_DESCRIPTION), ("camera", LONGEST_CAMERA))
        if len(getattr(wanted, name)) > most
    ]
    if wanted.recorded_at is not None and wanted.recorded_at > utcnow() + _AHEAD:
        mistakes.append(Mistake(MistakeCode.RECORDED_IN_FUTURE, "recorded_at"))
    return mistakes
