"""Renew the leases of rows that must stay owned by a worker or a sender that does not exist."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.functional.installation import Installation
from vigint_web.services.core.leases import LONGEST_LEASE

# Several renewals may be late on a busy machine before the lease expires.
_BEAT_SECONDS = LONGEST_LEASE.total_seconds() / 12


@contextmanager
def kept_leases(installation: Installation) -> Iterator[None]:
    """Keep the videos in processing or upload unchanged while the block runs."""
    rows = installation.sql("SELECT id FROM videos WHERE lease_until IS NOT NULL")
    ids = ", ".join(str(row[0]) for row in rows)
    statement = f"UPDATE videos SET lease_until = ? WHERE id IN ({ids})"  # noqa: S608 # numbers
    ended = threading.Event()

    def renew() -> None:
        until = datetime.now(UTC).replace(tzinfo=None) + LONGEST_LEASE
        installation.sql(statement, until.isoformat(" ", "microseconds"))

    def beat() -> None:
        while not ended.wait(_BEAT_SECONDS):
            renew()

    renew()
    thread = threading.Thread(target=beat, name="leases")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
