"""A disk that runs short of space is reported once."""

import logging

import pytest

from vigint_web.jobs import disk_watch
from vigint_web.jobs.disk_watch import DiskWatch
from vigint_web.logs import Event
from vigint_web.services.operations.health_rules import GIB, Disk

_TOTAL = 1_000 * GIB
_PLENTY = Disk(free=500 * GIB, total=_TOTAL, refuses=False)
_LITTLE = Disk(free=50 * GIB, total=_TOTAL, refuses=False)
_HARDLY = Disk(free=GIB // 2, total=_TOTAL, refuses=False)
_NONE = Disk(free=0, total=_TOTAL, refuses=True)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([_PLENTY, _PLENTY], []),
        ([_LITTLE, _LITTLE, _HARDLY], [Event.DISK_LOW]),
        ([_LITTLE, _PLENTY, _LITTLE], [Event.DISK_LOW, Event.DISK_FINE, Event.DISK_LOW]),
        ([_NONE, _NONE, _HARDLY], [Event.DISK_REFUSES, Event.DISK_LOW]),
    ],
)
def test_each_change_is_one_line(
    seen: list[Disk],
    told: list[Event],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(disk_watch, "_LOOK_SECONDS", 0.0)
    found = iter(seen)
    monkeypatch.setattr(disk_watch, "read_disk", lambda: next(found))
    watch = DiskWatch()
    with caplog.at_level(logging.INFO):
        for _ in seen:
            watch.go_on()
    fields = [getattr(record, "fields", {}) for record in caplog.records]
    assert [one["event"] for one in fields] == [event.value for event in told]


def test_it_looks_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def read() -> Disk:
        looked.append(1)
        return _PLENTY

    monkeypatch.setattr(disk_watch, "read_disk", read)
    watch = DiskWatch()
    for _ in range(5):
        watch.go_on()
    assert len(looked) == 1
