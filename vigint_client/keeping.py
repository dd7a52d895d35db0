"""The place of one alert in the spool, taken as soon as its first attempt failed."""

import logging
import threading
from dataclasses import replace

from vigint_client.refusals import Refusal
from vigint_client.spool import Claim, Spool, SpoolFull
from vigint_client.spool_entry import Kept

log = logging.getLogger("vigint_client")


class Keeping:
    """Keeps one alert while it is being sent, so that not even a killed process loses it."""

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
        """Note whom a mail has told of the alert. Never raises."""
        with self._lock:
            try:
                if self._claim is not None:
                    self._claim.told = reached
            except OSError as why:
                log.warning("Whom the mail reached cannot be noted: %s", why)

    def drop(self) -> None:
        """The alert has arrived: forget it. Never raises."""
        with self._lock:
            claim, self._claim = self._claim, None
            if claim is None:
                return
            try:
                claim.remove()
            except OSError as why:
                # It will be sent once more, and its key makes that harmless.
                log.warning("A delivered alert cannot be removed from the disk: %s", why)
                claim.release()

    def set_aside(self, reason: str, refusal: Refusal) -> None:
        """The server refused the alert: let it wait for a change there or here. Never raises."""
        with self._lock:
            try:
                if self._claim is not None:
                    self._claim.set_aside(reason, refusal)
            except OSError as why:
                # It stays among those that wait, and is refused, and set aside, once more.
                log.warning("A refused alert cannot be set aside: %s", why)

    def release(self) -> None:
        """Let anybody deliver it."""
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
