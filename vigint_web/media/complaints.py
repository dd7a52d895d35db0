"""Classify ffmpeg's error messages."""

import re
import signal
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused

DETAIL_LENGTH = 500
_LINES = 4
_SHORTAGES = (
    (re.compile(r"No space left on device|Disk quota exceeded"), MediaErrorCode.NO_SPACE),
    (re.compile(r"File too large"), MediaErrorCode.TOO_LARGE),
    (
        re.compile(
            r"Cannot allocate memory|Out of memory|malloc of size \d+ failed|std::bad_alloc"
            r"|pthread_create|failed to map segment"
        ),
        MediaErrorCode.OUT_OF_MEMORY,
    ),
)
_NOISE = re.compile(r"Last message repeated \d+ times?|^Conversion failed!$|^\s*$")
# Messages about intact files, or about our own outputs.
_HARMLESS = re.compile(
    r"non monoton\w+ increasing dts|Application provided (?:duration|invalid)"
    r"|co located POCs unavailable|max_analyze_duration|unable to decode APP fields"
    r"|Queue input is backward in time"
)
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_ABSOLUTE_PATH = re.compile(r"(?:file:)?/(?:[^\s/:'\",]+/)+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")
_BY_SIGNAL = {
    signal.SIGXFSZ: MediaErrorCode.TOO_LARGE,
    signal.SIGXCPU: MediaErrorCode.TIMED_OUT,
}


def failure(status: int, stderr: str, command: Sequence[str] = ()) -> MediaError:
    """Return the error for a non-zero exit status, or a signal (negative).

    ``stderr`` may contain text from a hostile file; the detail derived from it is short, printable,
    and free of the paths in ``command`` and of any other absolute path.
    """
    shortage = resource_failure(stderr, command)
    if shortage is not None:
        return shortage
    detail = summary(stderr, command)
    if status < 0:
        killer = signal.Signals(-status)
        detail = f"{detail}; killed by {killer.name}" if detail else f"killed by {killer.name}"
        return MediaError(_BY_SIGNAL.get(killer, MediaErrorCode.TOOL_FAILED), detail)
    return ToolRefused(detail or f"exit status {status}")


def resource_failure(stderr: str, command: Sequence[str] = ()) -> MediaError | None:
    """Return the error for a shortage of space or memory, if there was a message about one.

    To be called after every run: ffmpeg 5.1 exits with 0 when only the end of the file could not be
    written, and every version does when a decoder without memory dropped pictures.
    """
    for pattern, code in _SHORTAGES:
        if pattern.search(stderr):
            return MediaError(code, summary(stderr, command))
    return None


def is_damage(stderr: str, *, unused: Iterable[str | None] = ()) -> bool:
    """Return whether ffmpeg's messages are about its input, rather than about its output.

    ``unused`` are codecs of streams that are left out: errors of theirs do not count.
    """
    named = tuple(f"[{codec}" for codec in unused if codec)
    return any(
        not _NOISE.search(line) and not _HARMLESS.search(line) and not line.startswith(named)
        for line in stderr.splitlines()
    )


def summary(stderr: str, command: Sequence[str] = ()) -> str:
    """Return the last relevant messages in one short line."""
    for word in command:
        path = word.removeprefix("file:")
        if path.startswith("/"):
            stderr = stderr.replace(path, PurePath(path).name)
    lines = [
        _ABSOLUTE_PATH.sub("", _UNPRINTABLE.sub(" ", _ADDRESS.sub("", line))).strip()
        for line in stderr.splitlines()
        if not _NOISE.search(line)
    ]
    return " | ".join(list(dict.fromkeys(lines))[-_LINES:])[-DETAIL_LENGTH:]
