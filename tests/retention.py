"""Schedulers with configurations of their own, for tests of the retention."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tests.helpers import Clock, renew
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Video
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction
from vigint_web.services.retention.camera_limits import follow_cameras
from vigint_web.services.retention.changes import follow
from vigint_web.services.retention.moves import move_dates
from vigint_web.services.videos.retention_rules import Days

DAY = timedelta(days=1)
LOOK = timedelta(seconds=30)


class Machine:
    """A scheduler with a configuration of its own, on the database of the test."""

    def __init__(self, name: str, clock: Clock, config: Config) -> None:
        self.name = name
        self._clock = clock
        self._config = config
        self._started = False

    def reads(self, **values: Any) -> "Machine":
        """Restart it with other settings."""
        self._config, self._started = replace(self._config, **values), False
        return self

    def looks(self, after: timedelta = LOOK) -> None:
        """Advance the time, and run a round of the scheduler."""
        self._clock.forward(seconds=after.total_seconds())
        runtime().config = self._config
        renew()
        since = after if self._started else timedelta(0)
        follow(since, self.name)
        follow_cameras(since)
        self._started = True
        while move_dates(60):
            pass
        renew()

    def waits(self, how_long: timedelta) -> None:
        """Let the scheduler run for that long."""
        for _ in range(int(how_long / timedelta(minutes=30))):
            self.looks(timedelta(minutes=30))


def age(video: Video, days: float) -> int:
    """Backdate the arrival of a video, with its date at that time."""
    with transaction():
        video.created_at -= timedelta(days=days)
        if video.purge_at is not None:
            video.purge_at -= timedelta(days=days)
    return video.id


def kept_for(video_id: int) -> Days:
    """Return the days for which a video is kept, from its date."""
    video = db.session.get_one(Video, video_id, populate_existing=True)
    return None if video.purge_at is None else (video.purge_at - video.created_at) // DAY


def events_of(action: str) -> list[dict[str, Any]]:
    """Return the details of the events of the retention, oldest first."""
    events = db.session.scalars(
        select(AuditEvent).where(AuditEvent.action == f"retention:{action}").order_by(AuditEvent.id)
    )
    return [dict(event.detail) for event in events]
