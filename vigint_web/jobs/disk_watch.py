"""Log when the disk under the data directory runs short of space, and when it has recovered."""

import logging
import time

from vigint_web.logs import Event, about
from vigint_web.services.operations.health import read_disk
from vigint_web.services.operations.health_rules import State, judge_disk

log = logging.getLogger(__name__)

_LOOK_SECONDS = 60.0
_EVENTS = {
    State.ROOM: Event.DISK_FINE,
    State.LITTLE_ROOM: Event.DISK_LOW,
    State.HARDLY_ROOM: Event.DISK_LOW,
    State.REFUSED: Event.DISK_REFUSES,
}


class DiskWatch:
    """Check once a minute, and log changes of the state."""

    def __init__(self) -> None:
        self._next = time.monotonic()
        self._known = Event.DISK_FINE

    def go_on(self) -> None:
        """Check if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _LOOK_SECONDS
        disk = read_disk()
        event = _EVENTS[judge_disk(disk).state]
        if event != self._known:
            self._known = event
            free = f"{disk.free / 1e9:.1f}"
            level = logging.INFO if event == Event.DISK_FINE else logging.WARNING
            log.log(level, "the disk has %s GB free", free, extra=about(event, free=free))
