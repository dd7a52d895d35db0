"""Communicate with a running program through its pipes, without blocking on any of them."""

import os
import selectors
import subprocess
from collections.abc import Callable, Iterable, Iterator
from typing import IO

from vigint_web.media.errors import MediaError, MediaErrorCode

STDERR_KEPT = 64 * 1024
CAPTURE_LIMIT = 64 * 1024 * 1024

_CHUNK = 64 * 1024


class ProcessPipes:
    """The data passing through one program's three pipes."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        stdin: Iterable[bytes] | None,
        *,
        capture: bool,
        on_progress: Callable[[float], None] | None,
        on_line: Callable[[bytes], None] | None = None,
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._stdin = child.stdin
        self._stdout = child.stdout
        self._stderr = child.stderr
        self._feed: Iterator[bytes] = iter(stdin or ())
        self._pending = memoryview(b"")
        self._capture = capture
        self._on_line = self._read_progress if on_progress is not None else on_line
        self._on_progress = on_progress
        self._printed = bytearray()
        self._complained = bytearray()
        for pipe, event in (
            (self._stdin, selectors.EVENT_WRITE),
            (self._stdout, selectors.EVENT_READ),
            (self._stderr, selectors.EVENT_READ),
        ):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._selector.register(pipe, event)

    @property
    def open(self) -> bool:
        """Tell whether any pipe is still open."""
        return bool(self._selector.get_map())

    def exchange(self, seconds: float) -> None:
        """Transfer the available data, after waiting for it up to ``seconds``.

        Raises what the feeder or the progress callback raises, and `MediaError` too_large.
        """
        for key, _ in self._selector.select(max(seconds, 0)):
            if key.fileobj is self._stdin:
                self._write()
            elif key.fileobj is self._stdout:
                self._read_stdout()
            else:
                self._read_stderr()

    def stop_feeding(self) -> None:
        """Close standard input: its reader has closed it."""
        if self._stdin is not None and not self._stdin.closed:
            self._drop(self._stdin)

    def close(self) -> None:
        """Close all pipes."""
        for pipe in (self._stdin, self._stdout, self._stderr):
            if pipe is not None and not pipe.closed:
                self._drop(pipe)
        self._selector.close()

    def captured(self) -> bytes:
        """Return the captured output, if capturing was requested."""
        return bytes(self._printed)

    def complaints(self) -> str:
        """Return the end of what was written to standard error."""
        return self._complained.decode("utf-8", "replace")

    def _drop(self, pipe: IO[bytes]) -> None:
        if self._selector.get_map() and pipe in self._selector.get_map():
            self._selector.unregister(pipe)
        pipe.close()

    def _write(self) -> None:
        if self._stdin is None:
            return
        while not self._pending:
            chunk = next(self._feed, None)
            if chunk is None:
                self._drop(self._stdin)
                return
            self._pending = memoryview(chunk)
        try:
            written = os.write(self._stdin.fileno(), self._pending[:_CHUNK])
        except BlockingIOError:
            return
        except BrokenPipeError:
            # The program stopped reading; its exit status and messages have the reason.
            self._drop(self._stdin)
            return
        self._pending = self._pending[written:]

    def _read_stdout(self) -> None:
        chunk = self._read(self._stdout)
        if self._on_line is not None:
            *lines, rest = bytes(self._printed + chunk).split(b"\n")
            self._printed = bytearray(rest[-_CHUNK:])
            for line in lines:
                self._on_line(line)
        elif self._capture:
            if len(self._printed) + len(chunk) > CAPTURE_LIMIT:
                raise MediaError(MediaErrorCode.TOO_LARGE, "printed more than the limit")
            self._printed += chunk

    def _read_progress(self, line: bytes) -> None:
        name, _, value = line.partition(b"=")
        if self._on_progress is not None and name == b"out_time_us" and value.strip().isdigit():
            self._on_progress(int(value) / 1_000_000)

    def _read_stderr(self) -> None:
        self._complained += self._read(self._stderr)
        if len(self._complained) > STDERR_KEPT:
            del self._complained[:-STDERR_KEPT]

    def _read(self, pipe: IO[bytes] | None) -> bytes:
        if pipe is None:
            return b""
        try:
            chunk = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        if not chunk:
            self._drop(pipe)
        return chunk
