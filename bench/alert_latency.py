"""Alerts from POST to mail, against ffmpeg alone on the same frames.

Starts an installation of its own as `vigint up` does by default, with a mail server that records
arrivals, and posts incidents one after the other; between them it runs the same binary of ffmpeg
with the arguments that the product uses. CPU time is that of all processes of the installation,
without what it uses idle.
"""

import argparse
import base64
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Condition
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.measuring import BenchmarkError, Comparison, in_turns
from bench.processes import cpu_of, installed
from tests.functional.installation import Installation
from tests.ports import free_port
from vigint_web.media.frames import find_picture
from vigint_web.media.incident import FrameRef, encode_frames
from vigint_web.media.runner import Completed, Runner
from vigint_web.media.tools import find_tools, quick_tools

_INTERVAL = 0.1  # seconds from frame to frame
_PATIENCE = 120.0


class Work(NamedTuple):
    """What is posted: the number of frames, their size, and how often."""

    frames: int
    size: str
    repeats: int

    @property
    def name(self) -> str:
        """Return what the rows are called."""
        return f"{self.frames} frames {self.size}"


_WORKS = (
    Work(40, "640x480", 11),
    Work(250, "1920x1080", 3),
)
_QUICK = (Work(10, "320x240", 1),)


class Sample(NamedTuple):
    """One measurement, in milliseconds."""

    elapsed: float
    cpu: float
    post: float = 0.0


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
                raise BenchmarkError(f"no mail arrived within {_PATIENCE:.0f} s")
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
        raise BenchmarkError(f"{len(pictures)} pictures instead of {work.frames}")
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
    cpu -= before.children_user + before.children_system
    return Sample(1000 * elapsed, 1000 * cpu)


def idle_cpu(vigint: Installation, seconds: float) -> float:
    """Return the CPU seconds per second that the installation uses without any work."""
    before = cpu_of(vigint.pid)
    time.sleep(seconds)
    return (cpu_of(vigint.pid) - before) / seconds


def alert(vigint: Installation, frames: list[str], arrivals: _Arrivals, idle: float) -> Sample:
    """Measure an alert."""
    expected, now = len(arrivals.times) + 1, time.time()
    document = {
        "message": f"Test {expected}",
        "incident_data": {"incident_type": "Intrusion", "risk_level": "HIGH"},
        "frames": [
            {"frame_data": frame, "timestamp": now - (len(frames) - at) * _INTERVAL}
            for at, frame in enumerate(frames)
        ],
    }
    before, began = cpu_of(vigint.pid), time.monotonic()
    accepted = vigint.post(document)
    posted = time.monotonic() - began
    elapsed = arrivals.wait_for(expected) - began
    ended = vigint.finished(accepted)
    if ended["state"] != "ready":
        raise BenchmarkError(f"the incident has no video: {ended['error']}")
    time.sleep(0.5)  # what is done after the mail belongs to its CPU time
    busy = time.monotonic() - began
    cpu = cpu_of(vigint.pid) - before - idle * busy
    return Sample(1000 * elapsed, 1000 * cpu, 1000 * posted)


def measure(
    work: Work, vigint: Installation, arrivals: _Arrivals, *, warm_up: int
) -> Iterator[Comparison]:
    """Measure one kind of alert and ffmpeg in turns."""
    pictures = draw(work)
    with tempfile.TemporaryDirectory() as folder:
        command, given = arguments_for(pictures, Path(folder))
        frames = [base64.b64encode(one).decode() for one in pictures]
        idle = idle_cpu(vigint, 3.0 if warm_up else 0.5)
        turns = {
            "bare": partial(bare, command, given),
            "ours": partial(alert, vigint, frames, arrivals, idle),
        }
        found = in_turns(turns, work.repeats, warm_up=warm_up)
    ours, peers = found["ours"], found["bare"]
    yield Comparison(f"{work.name}: POST", "ms", [one.post for one in ours])
    yield Comparison(
        f"{work.name}: POST to mail", "ms",
        [one.elapsed for one in ours], [one.elapsed for one in peers],
    )  # fmt: skip
    yield Comparison(
        f"{work.name}: all work", "ms CPU", [one.cpu for one in ours], [one.cpu for one in peers]
    )


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--repeats", type=int, help="instead of a number for each kind of alert")


def run(asked: argparse.Namespace) -> Iterator[Comparison]:
    """Measure each kind of alert."""
    arrivals = _Arrivals()
    server = Controller(arrivals, "127.0.0.1", free_port())
    server.start()
    mail = {
        "VIGINT_SMTP_SERVER": "127.0.0.1", "VIGINT_SMTP_PORT": str(server.port),
        "VIGINT_SMTP_TO": "garde@example.com", "VIGINT_SMTP_FROM": "vigint@example.com",
        "VIGINT_SMTP_USE_TLS": "no",
    }  # fmt: skip
    try:
        with installed(**mail) as vigint:
            for work in _QUICK if asked.quick else _WORKS:
                repeated = work._replace(repeats=asked.repeats or work.repeats)
                yield from measure(repeated, vigint, arrivals, warm_up=0 if asked.quick else 1)
    finally:
        server.stop()
