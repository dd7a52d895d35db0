"""Say when a body comes so slowly that it is not waited for any longer."""

# A line that moves this many bytes per second on the average is never given up; the slowest
# mobile networks in use move ten times as much.
LEAST_BYTES_PER_SECOND = 1024
# How long the average may lie below that: a line may stall, and go on.
PATIENCE_SECONDS = 60.0


class Pace:
    """Follow the arrival of bytes; times are of one monotonic clock, in seconds."""

    def __init__(self, now: float) -> None:
        self._until = now + PATIENCE_SECONDS

    def came(self, count: int, now: float) -> None:
        """Note that bytes came. Those of a fast start buy no more than the usual patience."""
        earned = count / LEAST_BYTES_PER_SECOND
        self._until = min(self._until + earned, now + PATIENCE_SECONDS)

    def left(self, now: float) -> float:
        """Return for how many seconds the next byte is waited for."""
        return max(0.0, self._until - now)
