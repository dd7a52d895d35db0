"""An alert that waits in the background queue."""

import logging
from collections.abc import Callable
from typing import Any

from vigint_client.frames import FrameBatch, HeldFrames
from vigint_client.incidents import Report
from vigint_client.keeping import Keeping
from vigint_client.results import Result
from vigint_client.sending import Prepared, Sender

log = logging.getLogger("vigint_client")


class Waiting:
    """An alert in the background: held, then encoded, then sent or saved."""

    def __init__(self, sender: Sender, report: Report, held: HeldFrames, alert_type: str) -> None:
        self._sender = sender
        self._report = report
        self._alert_type = alert_type
        self._held: HeldFrames | None = held
        self._batch: FrameBatch | None = None
        self._keeping: Keeping | None = None

    @property
    def size(self) -> int:
        """Memory it takes, in bytes."""
        held = self._held
        return held.size if held is not None else self._batch.size if self._batch else 0

    def encode(self) -> None:
        """Read and encode the frames now, into a file if they are many."""
        held = self._held
        if held is not None:
            self._batch = held.read(self._sender.staging_folder)
            self._held = None

    def send(self, on_trouble: Callable[[], object], **transport_options: Any) -> Result:
        """Send it; called by the queue's thread."""
        self.encode()
        return self._sender.send(self._prepared(), 0.0, on_trouble, **transport_options)

    def save(self, final: bool) -> bool:
        """Keep it on disk, for lack of time or space; return whether it is there. Never raises.

        A repeated delivery does no harm: the Idempotency-Key is the same. Frames that were not read
        yet are not read here: unless this is the `final` chance, the alert is not saved.
        """
        try:
            held = self._held
            if held is None or held.is_read:
                self.encode()
            elif final:
                # Reading a camera to its end would block the end of the program.
                self._batch = FrameBatch()
            else:
                return False
            keeping = self._keeping or self._prepared().keeping
            saved = keeping.keep()
            keeping.release()
        except Exception:
            log.exception("An alert could not be saved.")
            return False
        return saved

    def _prepared(self) -> Prepared:
        batch = self._batch if self._batch is not None else FrameBatch()
        prepared = self._sender.prepare(self._report, batch, self._alert_type)
        self._keeping = prepared.keeping
        return prepared
