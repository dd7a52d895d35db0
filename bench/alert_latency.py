"""Compare an alert, from its POST to its mail, with ffmpeg alone on the same frames.

    .venv/bin/python -m bench.alert_latency [--repeats N] [--quick] [--json FILE]

Starts an installation of its own as `vigint up` does by default, with a mail server that counts
arrivals, and posts incidents one after the other; between them it runs the same binary of ffmpeg
with the arguments that the product uses. Prints medians and quartiles, in milliseconds, of the
elapsed time and of the CPU time of all processes of the installation, and the ratios to ffmpeg.
"""

import argparse
import base64
import json
import logging
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.functional.installation import Installation
from tests.functional.processes import descendants_of
from tests.ports import free_port
from vigint_web.media.frames import find_picture
from vigint_web.media.incident import FrameRef, encode_frames
from vigint_web.media.runner import Completed, Runner
from vigint_web.media.tools import find_tools, quick_tools

_INTERVAL = 0.1  # seconds from frame to frame
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 120.0


class Work(NamedTuple):
    """What is posted: a name, the number of frames and their size."""

    name: str
    frames: int
    size: str
    repeats: int


_WORKS = (
    Work("40 frames 640x480", 40, "640x480", 11),
    Work("250 frames 1920x1080", 250, "1920x1080", 3),
)


class Sample(NamedTuple):
    """One measurement, in seconds."""

    elapsed: float
    cpu: float


class _Recorded(Exception):
    """The arguments are known; nothing needs to run."""


class _Recorder(Runner):
    """Record the arguments and the input of the first run."""

    arguments: Sequence[str] = ()
    given: bytes = b""

    def run(self, args: Sequence[str], **more: Any) -> Completed:
        self.arguments, self.given = args, b"".join(more["stdin"])
        raise _Recorded


@dataclass
class _Arrivals:
    """A mail server's handler that records when mails arrived."""

    times: list[float] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    async def handle_DATA(  # noqa: N802 - its library's name
        self, _server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        with self.changed:
            self.times.append(time.monotonic())
            self.changed.notify_all()
        return "250 OK"

    def wait_for(self, count: int) -> float:
        """Return when the mail of this number arrived."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.times) >= count, _PATIENCE):
                raise SystemExit(f"no mail arrived within {_PATIENCE:.0f} s")
            return self.times[count - 1]


def draw(work: Work) -> list[bytes]:
    """Return JPEG pictures of a moving pattern."""
    source = f"testsrc2=size={work.size}:rate=10"
    drawn = subprocess.run(
        [
            find_tools().ffmpeg.path, "-v", "error", "-f", "lavfi", "-i", source,
            "-frames:v", str(work.frames), "-c:v", "mjpeg", "-q:v", "4",
            "-f", "image2pipe", "-",
        ],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout  # fmt: skip
    pictures = [b"\xff\xd8\xff" + one for one in drawn.split(b"\xff\xd8\xff")[1:]]
    if len(pictures) != work.frames:
        raise SystemExit(f"{len(pictures)} pictures instead of {work.frames}")
    return pictures


def arguments_for(pictures: Iterable[bytes], folder: Path) -> tuple[list[str], bytes]:
    """Return the command with which the product encodes these pictures, and its input."""
    recorder = _Recorder(quick_tools())
    frames = [
        FrameRef(1_700_000_000 + number * _INTERVAL, find_picture(one).info, lambda one=one: one)  # type: ignore[misc]
        for number, one in enumerate(pictures)
    ]
    with suppress(_Recorded):
        encode_frames(frames, folder / "bare.mp4", recorder)
    return [str(quick_tools().ffmpeg.path), "-v", "error", *recorder.arguments], recorder.given


def bare(command: list[str], given: bytes) -> Sample:
    """Measure ffmpeg alone."""
    before, began = os.times(), time.monotonic()
    subprocess.run(command, input=given, check=True, stdout=subprocess.DEVNULL)
    elapsed, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system
    return Sample(elapsed, cpu - before.children_user - before.children_system)


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and all below it, ended ones included."""
    total = 0
    for one in [pid, *descendants_of(pid)]:
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


def idle_cpu(vigint: Installation, seconds: float) -> float:
    """Return the CPU seconds per second that the installation uses without any work."""
    before = cpu_of(vigint.pid)
    time.sleep(seconds)
    return (cpu_of(vigint.pid) - before) / seconds


def alert(
    vigint: Installation, document: dict[str, Any], arrivals: _Arrivals, idle: float
) -> tuple[Sample, float]:
    """Measure an alert; return also how long its POST took."""
    expected = len(arrivals.times) + 1
    before, began = cpu_of(vigint.pid), time.monotonic()
    accepted = vigint.post(document)
    posted = time.monotonic() - began
    elapsed = arrivals.wait_for(expected) - began
    ended = vigint.finished(accepted)
    if ended["state"] != "ready":
        raise SystemExit(f"the incident has no video: {ended['error']}")
    time.sleep(0.5)  # what is done after the mail belongs to its CPU time
    busy = time.monotonic() - began
    return Sample(elapsed, cpu_of(vigint.pid) - before - idle * busy), posted


def measure(work: Work, vigint: Installation, arrivals: _Arrivals) -> dict[str, Any]:
    """Measure one kind of alert and ffmpeg in turns."""
    pictures = draw(work)
    with tempfile.TemporaryDirectory() as folder:
        command, given = arguments_for(pictures, Path(folder))
        frames = [base64.b64encode(one).decode() for one in pictures]
        idle = idle_cpu(vigint, 3.0)
        ours, peers, posts = [], [], []
        for number in range(work.repeats + 1):
            now = time.time()
            document = {
                "message": f"Test {number}",
                "incident_data": {"incident_type": "Intrusion", "risk_level": "HIGH"},
                "frames": [
                    {"frame_data": frame, "timestamp": now - (len(frames) - at) * _INTERVAL}
                    for at, frame in enumerate(frames)
                ],
            }
            peer = bare(command, given)
            sample, posted = alert(vigint, document, arrivals, idle)
            if number:  # the first one of each warms up
                ours.append(sample)
                peers.append(peer)
                posts.append(posted)
    return {
        "work": work.name,
        "post": _spread(posts),
        "elapsed": _spread([one.elapsed for one in ours]),
        "cpu": _spread([one.cpu for one in ours]),
        "bare elapsed": _spread([one.elapsed for one in peers]),
        "bare cpu": _spread([one.cpu for one in peers]),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {"median": statistics.median(values), "low": low, "high": high}


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--repeats", type=int, help="instead of a number for each work")
    options.add_argument("--quick", action="store_true", help="only show that it runs")
    options.add_argument("--json", type=Path, help="write the figures here too")
    chosen = options.parse_args()
    works = _WORKS[:1] if chosen.quick else _WORKS
    repeats = 2 if chosen.quick else chosen.repeats
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    arrivals, results = _Arrivals(), []
    server = Controller(arrivals, "127.0.0.1", free_port())
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        mail = {"VIGINT_SMTP_SERVER": "127.0.0.1", "VIGINT_SMTP_PORT": str(server.port)}
        more = {"VIGINT_SMTP_TO": "garde@example.com", "VIGINT_SMTP_FROM": "vigint@example.com"}
        vigint = Installation(Path(folder), **mail, **more, VIGINT_SMTP_USE_TLS="no")
        try:
            vigint.start()
            vigint.people()
            for work in works:
                shown = measure(work._replace(repeats=repeats or work.repeats), vigint, arrivals)
                results.append(shown)
                _print(shown)
        finally:
            vigint.end()
            server.stop()
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _print(shown: dict[str, Any]) -> None:
    print(shown["work"])
    for name in ("post", "elapsed", "cpu", "bare elapsed", "bare cpu"):
        value = shown[name]
        print(
            f"  {name:13} {value['median'] * 1000:8.0f} ms"
            f"  ({value['low'] * 1000:.0f} to {value['high'] * 1000:.0f})"
        )
    for name in ("elapsed", "cpu"):
        ratio = shown[name]["median"] / shown[f"bare {name}"]["median"]
        print(f"  {name} to ffmpeg alone: {ratio:.2f} x")


if __name__ == "__main__":
    main()
