"""Run ffmpeg and ffprobe isolated, with limits on all resources."""

import logging
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vigint_web.media.complaints import failure, resource_failure
from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.process_pipes import ProcessPipes
from vigint_web.media.tools import Tools, clean_environment
from vigint_web.system.processes import die_with_parent

MIB = 1024 * 1024
POLL_SECONDS = 0.2
# MP4, M4V, MOV; MKV, WebM; AVI; WMV; FLV (also as some servers record it). ffmpeg detects by
# content: everything else, above all playlists (hls, concat, dash) that name other files or
# addresses, is refused before it is opened, inside an AVI's subtitles too.
CONTAINERS = "mov,matroska,webm,avi,asf,flv,live_flv"
# How far into a file its streams are searched for. The data read meanwhile is kept in memory.
ANALYSED_SECONDS = 600
ANALYSED_BYTES = 100 * MIB

_PIXELS_OF_4K = 4096 * 2304

Program = Literal["ffmpeg", "ffprobe"]


@dataclass(frozen=True)
class Limits:
    """The limits of one run: wall-clock seconds, address space, bytes per written file.

    ``stall_seconds``: the maximum time without progress, for runs with progress. ``niceness``: how
    much a program gives way to others of this machine (nice(2)).
    """

    seconds: float = 600
    stall_seconds: float = 300
    memory_bytes: int = 2 * 1024 * MIB
    output_bytes: int = 4 * 1024 * MIB
    niceness: int = 0


@dataclass(frozen=True)
class Completed:
    """A successful run: its captured output, and the end of its messages."""

    stdout: bytes
    stderr: str


def guarded_options() -> dict[str, str]:
    """Return the input options that prevent a stored file from opening any other.

    A recorder's picture may begin minutes after its sound: five seconds, the default, would leave
    its size and pixel format unknown. A file whose streams are all described is not read further.
    """
    return {
        "protocol_whitelist": "file",
        "format_whitelist": CONTAINERS,
        "analyzeduration": str(ANALYSED_SECONDS * 1_000_000),
        "probesize": str(ANALYSED_BYTES),
    }


def guarded_input(path: Path) -> list[str]:
    """Return the arguments, ``-i`` included, that open a stored file and nothing else.

    References from a MOV to other files are not followed either: that is ffmpeg's default
    (``-enable_drefs 0``), which cannot be set for inputs that may be of another kind.
    """
    options = [word for name, value in guarded_options().items() for word in (f"-{name}", value)]
    return [*options, "-i", file_url(path)]


def file_url(path: Path) -> str:
    """Return a path in ffmpeg's syntax, safe for colons and dashes."""
    return f"file:{path.absolute()}"


def threads(pixels: int) -> str:
    """Return the number of threads for decoding and encoding pictures of this many pixels.

    The codecs hold several pictures per thread: on a machine with many cores they would reach the
    memory limit long before they are any faster. Measured with HEVC of 10 bits to H.264: 4K with
    six threads and 8K with two stay under 2 GiB, 8K with six does not.
    """
    most = 2 if pixels > _PIXELS_OF_4K else 6
    return str(min(os.cpu_count() or 1, most))


class Runner:
    """The only way to run ffmpeg or ffprobe.

    ``should_stop`` is called several times a second while a program runs; when it returns true the
    program is killed. A runner has no state between runs and may be used by several threads, but a
    run must end in the thread that began it: the child dies with that thread.
    """

    def __init__(
        self,
        tools: Tools,
        limits: Limits = Limits(),
        *,
        should_stop: Callable[[], bool] = lambda: False,
        log: logging.Logger | None = None,
    ) -> None:
        self.tools = tools
        self.limits = limits
        self._should_stop = should_stop
        self._log = log or logging.getLogger(__name__)

    def run(
        self,
        args: Sequence[str],
        *,
        program: Program = "ffmpeg",
        stdin: Iterable[bytes] | None = None,
        seconds: float | None = None,
        on_progress: Callable[[float], None] | None = None,
        on_line: Callable[[bytes], None] | None = None,
        capture: bool = False,
    ) -> Completed:
        """Run a program to its end and return its output.

        ``args`` follow the program's name; paths in them must be absolute, because the program runs
        in an empty directory of its own. ``stdin`` is consumed as fast as the program reads.
        Standard output goes to one of three: ``on_progress`` is called with the seconds of output
        made so far (ffmpeg only), ``on_line`` with each line, and ``capture`` returns up to 64 MiB.
        Raises `MediaError`, and whatever ``stdin`` or the callbacks raise, after the program has
        ended.
        """
        if sum((capture, on_progress is not None, on_line is not None)) > 1:
            raise ValueError("standard output carries either the progress, lines or captured bytes")
        tool = self.tools.ffmpeg if program == "ffmpeg" else self.tools.ffprobe
        command = [str(tool.path), "-hide_banner", "-loglevel", "error"]
        if program == "ffmpeg":
            command += ["-nostats"] if stdin is not None else ["-nostats", "-nostdin"]
            command += ["-progress", "pipe:1"] if on_progress is not None else []
        command += args
        allowed = self.limits.seconds if seconds is None else seconds
        with tempfile.TemporaryDirectory(prefix="vigint-run-") as home:
            child = self._start(command, home, allowed, feed=stdin is not None)
            progress = _Progress(on_progress) if on_progress is not None else None
            pipes = ProcessPipes(
                child, stdin, capture=capture, on_progress=progress, on_line=on_line
            )
            try:
                self._attend(child, pipes, time.monotonic() + allowed, progress)
            finally:
                _kill_group(child)
                pipes.close()
                child.wait()
        stderr = pipes.complaints()
        problem = (
            failure(child.returncode, stderr, command)
            if child.returncode
            else resource_failure(stderr, command)
        )
        if problem is not None:
            self._log.warning("%s failed: %s", program, problem)
            raise problem
        if stderr:
            self._log.debug("%s reported: %s", program, stderr[-2000:])
        return Completed(stdout=pipes.captured(), stderr=stderr)

    def _start(
        self, command: list[str], home: str, seconds: float, *, feed: bool
    ) -> subprocess.Popen[bytes]:
        limits = self.limits
        parent = os.getpid()
        # CPU time is a second limit beside the wall clock, for a machine whose clock stood still.
        cpu_seconds = int(seconds + 1) * (os.cpu_count() or 1) + 10

        def become_guest() -> None:
            # Runs between fork and exec: nothing here may take a lock of the parent's.
            die_with_parent(parent)
            os.nice(limits.niceness)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, _at_most(resource.RLIMIT_CPU, cpu_seconds))
            resource.setrlimit(
                resource.RLIMIT_FSIZE, _at_most(resource.RLIMIT_FSIZE, limits.output_bytes)
            )
            resource.setrlimit(
                resource.RLIMIT_AS, _at_most(resource.RLIMIT_AS, limits.memory_bytes)
            )

        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=home,
                env=clean_environment(home),
                start_new_session=True,
                preexec_fn=become_guest,  # noqa: PLW1509 - dying with the parent has no other way
            )
        except (OSError, subprocess.SubprocessError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise MediaError(
                MediaErrorCode.TOOL_FAILED, f"{Path(command[0]).name} did not start: {reason}"
            ) from error

    def _attend(
        self,
        child: subprocess.Popen[bytes],
        pipes: ProcessPipes,
        deadline: float,
        progress: "_Progress | None",
    ) -> None:
        next_question = 0.0
        gone = False
        while pipes.open or not gone:
            now = time.monotonic()
            if now >= deadline:
                raise MediaError(MediaErrorCode.TIMED_OUT, "exceeded its time limit and was killed")
            if progress is not None and now - progress.since > self.limits.stall_seconds:
                raise MediaError(MediaErrorCode.TIMED_OUT, "made no progress and was killed")
            if now >= next_question:
                if self._should_stop():
                    raise MediaError(MediaErrorCode.CANCELLED, "was cancelled")
                next_question = now + POLL_SECONDS
            if pipes.open:
                pipes.exchange(min(POLL_SECONDS, deadline - now))
            else:
                time.sleep(min(0.005, deadline - now))
            if not gone and _has_ended(child):
                gone = True
                # A descendant that outlives the program would keep its pipes open.
                _kill_group(child)
                pipes.stop_feeding()


class _Progress:
    """Forward progress, and record when it last grew."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self.since = time.monotonic()
        self._report = report
        self._furthest = -1.0

    def __call__(self, seconds: float) -> None:
        if seconds > self._furthest:
            self._furthest, self.since = seconds, time.monotonic()
        self._report(seconds)


def _at_most(kind: int, wanted: int) -> tuple[int, int]:
    """Return a pair for setrlimit that never exceeds the current hard limit."""
    _, hard = resource.getrlimit(kind)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    return value, value


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    # WNOWAIT leaves the dead child unreaped, so that its group's number cannot be reused yet.
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
