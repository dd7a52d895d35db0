"""Run periodic tasks: reconcile every few seconds, purge every few minutes."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from flask import Flask

from vigint_web.extensions import db
from vigint_web.jobs.disk_watch import DiskWatch
from vigint_web.logs import bound
from vigint_web.services.accounts.account_mails import forget_old_mails
from vigint_web.services.accounts.sessions import forget_sessions
from vigint_web.services.dispatch.digests import forget_old_cooldowns
from vigint_web.services.links.plays import forget_visitors
from vigint_web.services.logbook.schedule import mail_due_logs
from vigint_web.services.operations.overlong_counters import forget_overlong_counters
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.reports.counts import count_again, count_changed
from vigint_web.services.retention.camera_limits import follow_cameras
from vigint_web.services.retention.changes import follow, withdraw_report
from vigint_web.services.retention.moves import move_dates
from vigint_web.services.retention.purge import purge_due, purge_outbox, sweep_orphans
from vigint_web.services.review.named_requests import forget_old_names
from vigint_web.services.uploads import uploads
from vigint_web.services.videos.late_files import copy_late_files
from vigint_web.services.videos.retention_dates import in_force
from vigint_web.services.videos.retention_rules import Setting
from vigint_web.services.videos.totals import correct_totals, replace_differences
from vigint_web.storage import StorageError
from vigint_web.system.processes import notify_manager

log = logging.getLogger(__name__)

_RECONCILE_SECONDS = 3.0
_COUNTERS_SECONDS = 30.0
_PURGE_SECONDS = 300.0
# The interval of comparing the retention with the configuration, and the time per round for moving
# dates and purging footage.
_LOOK_SECONDS = 30.0
_SPAN_SECONDS = 1.0
# It lists the whole storage, to find files that no row has referenced for six hours.
_SWEEP_SECONDS = 3600.0
# Two million incidents are compared with their counts in a day.
_COMPARE_SECONDS = 8.0
_TOTALS_SECONDS = 30.0
_TOTALS_COMPARE_SECONDS = 86400.0
_LOGBOOK_SECONDS = 20.0
_LATE_FILES_SECONDS = 30.0


def run_scheduler(app: Flask) -> None:
    """Run until SIGTERM or SIGINT. Several schedulers, on several machines, do not conflict."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    steps = (
        reconcile,
        count_changed,
        _Comparison().go_on,
        _Totals().go_on,
        _Logbook().go_on,
        _LateFiles().go_on,
        _Counters().go_on,
        DiskWatch().go_on,
        _Housekeeping().go_on,
        _Retention().go_on,
        _Sweep(app).go_on,
    )
    notify_manager("READY=1")
    while not ended.is_set():
        with app.app_context(), bound(job="scheduler"):
            for step in steps:
                _attempt(step)
        notify_manager("WATCHDOG=1")
        ended.wait(_RECONCILE_SECONDS)
    with app.app_context(), bound(job="scheduler"):
        # Another scheduler may follow with other settings.
        _attempt(withdraw_report)


def _attempt(step: Callable[[], object]) -> None:
    """Run one step of a round; its failure does not affect the others."""
    try:
        step()
    except Exception:
        log.exception("a step of the scheduler failed; it will be retried")
    finally:
        db.session.remove()


class _Counters:
    """Check twice a minute for counters that would not expire after the clock was set back."""

    def __init__(self) -> None:
        self._next = time.monotonic()

    def go_on(self) -> None:
        """Check if it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _COUNTERS_SECONDS
            forget_overlong_counters()


class _LateFiles:
    """Compare the files that columns and rows name, some videos at a time, again and again.

    All videos once after the start, as that is when processes of the version before are at work;
    then rarely, because a step costs as much where there is nothing to copy.
    """

    def __init__(self) -> None:
        self._last = 0
        self._next = time.monotonic()
        self._went_round = False

    def go_on(self) -> None:
        """Compare the next videos if it is time."""
        if time.monotonic() >= self._next:
            self._last = copy_late_files(self._last)
            self._went_round |= self._last == 0
            if self._went_round:
                self._next = time.monotonic() + _LATE_FILES_SECONDS


class _Totals:
    """Keep the totals of videos short, and compare them with the videos once a day."""

    def __init__(self) -> None:
        self._next = self._next_comparison = time.monotonic()

    def go_on(self) -> None:
        """Replace differences by sums if it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _TOTALS_SECONDS
        replace_differences()
        if now >= self._next_comparison:
            self._next_comparison = now + _TOTALS_COMPARE_SECONDS
            corrected = correct_totals()
            if corrected:
                log.warning("%s totals of videos were corrected", corrected)


class _Logbook:
    """Enqueue the logs of nights that are due."""

    def __init__(self) -> None:
        self._next = time.monotonic()

    def go_on(self) -> None:
        """Look if it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOGBOOK_SECONDS
            mail_due_logs()


class _Comparison:
    """Compare incidents with their counts, some at a time, again and again."""

    def __init__(self) -> None:
        self._last = 0
        self._next = time.monotonic()

    def go_on(self) -> None:
        """Compare the next ones if it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _COMPARE_SECONDS
            self._last = count_again(self._last)


class _Housekeeping:
    """Delete expired records, every few minutes."""

    def __init__(self) -> None:
        self._next = time.monotonic()

    def go_on(self) -> None:
        """Delete them if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PURGE_SECONDS
        purge_outbox()
        uploads.sweep_staged()
        uploads.forget_ended()
        log_days = in_force(Setting.LOG)
        if log_days is not None:
            forget_visitors(log_days)
            forget_sessions(log_days)
        forget_old_mails()
        forget_old_cooldowns()
        forget_old_names()


class _Retention:
    """Apply the retention settings: move dates and purge, a part in each round."""

    def __init__(self) -> None:
        self._looked: float | None = None
        self._next_purge = time.monotonic()

    def go_on(self) -> None:
        """Run due work for a few seconds at most, because the same thread enqueues alerts."""
        now = time.monotonic()
        if self._looked is None or now - self._looked >= _LOOK_SECONDS:
            since = timedelta(seconds=now - self._looked if self._looked is not None else 0)
            follow(since)
            follow_cameras(since)
            self._looked = now
        moved = move_dates(_SPAN_SECONDS)
        if moved or now >= self._next_purge:
            purged = purge_due(_SPAN_SECONDS)
            # The rest of a large purge continues in the next round.
            self._next_purge = now if purged else now + _PURGE_SECONDS


class _Sweep:
    """Look for orphaned files in a thread of its own: listing a large storage takes minutes."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._next = time.monotonic()
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Start if it is time, unless the previous run is still in progress."""
        under_way = self._thread is not None and self._thread.is_alive()
        if time.monotonic() >= self._next and not under_way:
            self._next = time.monotonic() + _SWEEP_SECONDS
            self._thread = threading.Thread(target=self._run, name="sweep", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        with self._app.app_context(), bound(job="sweep"):
            try:
                sweep_orphans()
            except StorageError as error:
                log.warning("the search for orphaned files failed: %s", error)
            except Exception:
                log.exception("the sweep failed; the next one will continue")
            finally:
                db.session.remove()
