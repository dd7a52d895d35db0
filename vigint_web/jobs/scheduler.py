"""Do what comes back by the clock: reconcile every few seconds, purge every few minutes."""

import logging
import signal
import threading
import time
from types import FrameType

from flask import Flask

from vigint_web.extensions import db
from vigint_web.logs import bound
from vigint_web.processes import tell_manager
from vigint_web.services import uploads
from vigint_web.services.account_mails import forget_old_mails
from vigint_web.services.cooling import forget_old_cooldowns
from vigint_web.services.reconcile import reconcile
from vigint_web.services.retention import purge_due, purge_outbox, sweep_orphans
from vigint_web.services.sessions import forget_sessions
from vigint_web.services.viewings import forget_visitors
from vigint_web.storage import StorageError

log = logging.getLogger(__name__)

_RECONCILE_SECONDS = 3.0
_PURGE_SECONDS = 300.0
# It lists all that is stored, to find what has been nobody's for six hours.
_SWEEP_SECONDS = 3600.0


def run_scheduler(app: Flask) -> None:
    """Run until SIGTERM or SIGINT. Several at once, on several machines, do no harm."""
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    next_purge = time.monotonic()
    sweep = _Sweep(app)
    tell_manager("READY=1")
    while not ended.is_set():
        with app.app_context(), bound(job="scheduler"):
            try:
                reconcile()
                if time.monotonic() >= next_purge:
                    next_purge = time.monotonic() + _PURGE_SECONDS
                    purge_due()
                    purge_outbox()
                    uploads.sweep_staged()
                    uploads.forget_ended()
                    forget_visitors(app.extensions["vigint"].config.log_days)
                    forget_sessions(app.extensions["vigint"].config.log_days)
                    forget_old_mails()
                    forget_old_cooldowns()
                sweep.go_on()
            except Exception:
                log.exception("the scheduler's round failed; it goes on")
            finally:
                db.session.remove()
        tell_manager("WATCHDOG=1")
        ended.wait(_RECONCILE_SECONDS)


class _Sweep:
    """Look for orphans now and then, beside the rest: a large storage takes minutes to list."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._next = time.monotonic()
        self._thread: threading.Thread | None = None

    def go_on(self) -> None:
        """Begin when it is time, unless the last one is still under way."""
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
                log.warning("orphans could not be looked for: %s", error)
            except Exception:
                log.exception("the sweep failed; the next one goes on")
            finally:
                db.session.remove()
