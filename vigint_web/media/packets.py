"""Read when every packet of a file is shown, without decoding any."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from vigint_web.media.clock import LONGEST_STILL, SHORTEST_STEP, STEP_BACK, Span, Track
from vigint_web.media.errors import ToolRefused
from vigint_web.media.runner import Runner, guarded_input

# Packets this close together, in seconds, are one span.
_TOGETHER = 1.0
# Without decoding times a packet may be reordered by this many seconds.
_REORDERED = 5.0
# The number of steps from which the usual one is determined.
_STEPS_KEPT = 500
# The limit of spans in memory for a hostile file.
_MOST_SPANS = 20_000
_USUAL_INTERVAL = 0.04


@dataclass
class Stream:
    """The facts of one stream's packets: their number, bytes and display times.

    Packets that are decoded and not shown, such as those before the start of an edit list, have a
    size only; ``last`` is the duration of the last one, in seconds.
    """

    count: int = 0
    size: int = 0
    stretches: list[list[Span]] = field(default_factory=list)
    last: float = 0.0
    _steps: list[float] = field(default_factory=list)
    _spans: int = 0
    _tiny: int = 0
    _furthest: int = -1
    _shown: float | None = None
    _decoded: float | None = None

    @property
    def interval(self) -> float:
        """Return the usual number of seconds from one packet to the next."""
        return median(self._steps) if self._steps else _USUAL_INTERVAL

    @property
    def track(self) -> Track:
        """Return the times at which this stream has packets."""
        return Track(self.stretches, self.count, self.interval, self._tiny)

    @property
    def rate(self) -> float | None:
        """Return the average number of packets per second; None for too few."""
        covered = sum(end - start for spans in self.stretches for start, end in spans)
        return self.count / covered if self.count > 10 and covered > 0 else None

    def add(
        self,
        shown: float | None,
        decoded: float | None,
        lasts: float,
        *,
        size: int,
        place: int | None,
        flags: str,
    ) -> None:
        """Add one packet, in the order of the file; times and duration in seconds.

        ``size`` and ``place`` in bytes. A packet that is read again, as happens when a reader
        resynchronizes in a damaged file, does not count.
        """
        if place is not None and place <= self._furthest and self._is_over(shown, decoded):
            return
        self._furthest = max(self._furthest, -1 if place is None else place)
        self.size += size
        if "D" in flags:
            return
        self.count += 1
        time = shown if shown is not None else decoded
        if time is None:
            time = self.stretches[-1][-1][1] if self.stretches else 0.0
        back = self._goes_back(time, decoded)
        if self._shown is not None and not back:
            self._take_step(abs(time - self._shown))
        self._shown = time
        self._decoded = decoded if decoded is not None else self._decoded
        end = time + self._lasting(lasts)
        if back or not self.stretches or end >= self.stretches[-1][-1][1]:
            self.last = end - time
        self._extend(time, end, back=back)

    def _take_step(self, step: float) -> None:
        if step < SHORTEST_STEP:
            self._tiny += 1
            return
        if len(self._steps) < _STEPS_KEPT:
            self._steps.append(step)

    def _lasting(self, duration: float) -> float:
        """Return the duration of a packet; an absurdly long one precedes a jump."""
        if duration <= 0:
            return self._steps[0] if self._steps else 0.0
        if self._steps and duration > max(LONGEST_STILL, 10 * self.interval):
            return self.interval
        return duration

    def _is_over(self, shown: float | None, decoded: float | None) -> bool:
        if decoded is not None and self._decoded is not None:
            return decoded <= self._decoded
        return shown is not None and self._shown is not None and shown <= self._shown

    def _goes_back(self, time: float, decoded: float | None) -> bool:
        if decoded is not None and self._decoded is not None:
            return decoded < self._decoded - STEP_BACK
        return self._shown is not None and time < self._shown - _REORDERED

    def _extend(self, start: float, end: float, *, back: bool) -> None:
        if not self.stretches or (back and self._spans < _MOST_SPANS):
            self.stretches.append([(start, end)])
            self._spans += 1
            return
        first, last = self.stretches[-1][-1]
        if start > last + _TOGETHER and self._spans < _MOST_SPANS:
            self.stretches[-1].append((start, end))
            self._spans += 1
        else:
            self.stretches[-1][-1] = (min(first, start), max(last, end))


def read_packets(
    path: Path, runner: Runner, *, seconds: float, reading: dict[str, str]
) -> dict[int, Stream]:
    """Read a file to its end; return its streams by number.

    ``reading`` are further options of the input. Unreadable data is left out. Raises what the
    runner raises, except for a file that ffprobe rejects.
    """
    streams: dict[int, Stream] = {}
    entries = "packet=stream_index,pts_time,dts_time,duration_time,size,pos,flags"
    more = [word for name, value in reading.items() for word in (f"-{name}", value)]
    arguments = ["-show_entries", entries, "-of", "csv=p=0", *more, *guarded_input(path)]
    with suppress(ToolRefused):  # the packets before its failure are used
        runner.run(arguments, program="ffprobe", seconds=seconds, on_line=_reader(streams))
    return streams


def _reader(streams: dict[int, Stream]) -> Callable[[bytes], None]:
    def read(line: bytes) -> None:
        parts = line.decode("ascii", "replace").split(",")
        try:
            number, shown, decoded, lasts, size, place, flags = parts[:7]
            streams.setdefault(int(number), Stream()).add(
                _seconds(shown),
                _seconds(decoded),
                _seconds(lasts) or 0.0,
                size=int(size),
                place=None if place == "N/A" else int(place),
                flags=flags,
            )
        except ValueError:
            return

    return read


def _seconds(text: str) -> float | None:
    return None if text == "N/A" else float(text)
