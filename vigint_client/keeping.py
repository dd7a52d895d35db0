"""The spool entry of one alert, created as soon as its first attempt failed."""

import logging
import threading
from dataclasses import replace

from vigint_client.refusals import Refusal
from vigint_client.spool import Claim, Spool, SpoolFull
from vigint_client.spool_entry import Kept

log = logging.getLogger("vigint_client")


class Keeping:
    """Keeps one alert on disk while it is being sent, so that a killed process does not lose it."""

    def __init__(self, spool: Spool | None, kept: Kept) -> None:
        self.kept = kept
        self.dropped: list[str] = []
        self.frames_kept = len(kept.posting.batch.frames)
        self._spool = spool
        self._claim: Claim | None = None
        self._lock = threading.Lock()

    def keep(self) -> bool:
        """Write the alert to disk, once; return whether it is there. Never raises."""
        with self._lock:
            if self._claim is None and self._spool is not None:
                try:
                    self._claim = self._write(self._spool)
                except Exception as why:
                    log.error(
                        "The alert cannot be kept in %s (%s): make room there, or name another "
                        "folder in VIGINT_SPOOL_DIR.", self._spool.folder, why or "no room",
                    )  # fmt: skip
            return self._claim is not None

    def tell(self, reached: list[str]) -> None:
        """Record the recipients that a mail has notified of the alert. Never raises."""
        with self._lock:
            try:
                if self._claim is not None:
                    self._claim.told = reached
            except OSError as why:
                log.warning("The recipients of the mail cannot be recorded: %s", why)

    def drop(self) -> None:
        """The alert was accepted: remove it. Never raises."""
        with self._lock:
            claim, self._claim = self._claim, None
            if claim is None:
                return
            try:
                claim.remove()
            except OSError as why:
                # It will be sent once more, which its key makes harmless.
                log.warning("A delivered alert cannot be removed from the disk: %s", why)
                claim.release()

    def set_aside(self, reason: str, refusal: Refusal) -> None:
        """The server refused the alert: keep it until a setting or the server changes.

        Never raises.
        """
        with self._lock:
            try:
                if self._claim is not None:
                    self._claim.set_aside(reason, refusal)
            except OSError as why:
                # It stays in the queue, and is refused, and set aside, once more.
                log.warning("A refused alert cannot be set aside: %s", why)

    def release(self) -> None:
        """Let any process deliver it."""
        with self._lock:
            if self._claim is not None:
                self._claim.release()

    def _write(self, spool: Spool) -> Claim:
        kept = self.kept
        while True:
            try:
                claim, dropped = spool.put(kept)
            except (SpoolFull, OSError) as why:
                if not kept.posting.batch.frames:
                    raise
                log.warning("There is no room for %d frames (%s).", self.frames_kept, why)
                kept = replace(kept, posting=kept.posting.thinned())
                self.frames_kept = len(kept.posting.batch.frames)
            else:
                self.dropped += dropped
                return claim
