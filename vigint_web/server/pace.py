"""Decide when a body arrives too slowly to wait for it any longer."""

# A line with this average rate in bytes per second is never aborted; the slowest mobile networks in
# use are ten times as fast.
LEAST_BYTES_PER_SECOND = 1024
# The time for which the average may be below that: a line may stall, and recover.
PATIENCE_SECONDS = 60.0


class Pace:
    """Follow the arrival of bytes; times are of one monotonic clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._until = now + PATIENCE_SECONDS

    def came(self, count: int, now: float) -> None:
        """Note received bytes. A fast start does not extend the allowed time."""
        earned = count / LEAST_BYTES_PER_SECOND
        self._until = min(self._until + earned, now + PATIENCE_SECONDS)

    def left(self, now: float) -> float:
        """Return the seconds to wait for the next byte."""
        return max(0.0, self._until - now)
