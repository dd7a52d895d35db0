"""Collect the logs of an installation's processes in one rotating file, readable by its owner only.

The processes write into a pipe, because a file that several processes hold open cannot be renamed.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vigint_web.logs import as_text, configure_logging
from vigint_web.system.private_files import narrow, private_folder

_LARGEST = 10_000_000
_KEPT = 5
_LONGEST_LINE = 1_000_000
# All writers have ended by then; the remaining lines are in the pipe.
_PATIENCE_SECONDS = 2.0

Listener = Callable[[str, Mapping[str, Any]], None]


class _PrivateFile(RotatingFileHandler):
    """A file that keeps mode 0600 when it is rotated."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8")
        narrow(path)

    def _open(self) -> TextIOWrapper:
        def private(name: str, flags: int) -> int:
            return os.open(name, flags, 0o600)

        return open(self.baseFilename, "a", encoding="utf-8", opener=private)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Continue: on a full disk a lost line is better than blocked processes."""


class LogFile:
    """The log of one installation: a context manager with a `writer` for its processes.

    `listener` is called with each line, and its fields if it is JSON, in a thread of its own.
    """

    def __init__(self, path: Path, log_format: str, listener: Listener | None = None) -> None:
        """Take the path and the format: `json` or `text`."""
        self.path = path
        self._format = log_format
        self._listener = listener
        self._handler: logging.Handler | None = None
        self.writer = -1

    def __enter__(self) -> Self:
        """Open the file and add this process's own log lines.

        Raises:
            OSError: the file cannot be written.
        """
        private_folder(self.path.parent)
        self._file = _PrivateFile(self.path)
        reader, self.writer = os.pipe()
        self._thread = threading.Thread(target=self._read, args=(reader,), name="log", daemon=True)
        self._thread.start()
        own = os.fdopen(os.dup(self.writer), "w", encoding="utf-8", buffering=1)
        self._handler = configure_logging("json", stream=own)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the remaining lines; call it after the last process has ended."""
        if isinstance(self._handler, logging.StreamHandler):
            logging.getLogger().removeHandler(self._handler)
            self._handler.stream.close()
        os.close(self.writer)
        self._thread.join(_PATIENCE_SECONDS)
        with suppress(OSError):  # on a full disk unwritten lines are lost
            self._file.close()

    def _read(self, reader: int) -> None:
        with os.fdopen(reader, "r", encoding="utf-8", errors="replace", newline="\n") as lines:
            while line := lines.readline(_LONGEST_LINE):
                self._take(line.rstrip("\n"))

    def _take(self, line: str) -> None:
        fields = _fields(line)
        if self._format == "text" and fields:
            line = as_text(fields)
        self._file.emit(logging.makeLogRecord({"msg": line}))
        if self._listener is not None:
            try:
                self._listener(line, fields)
            except Exception as error:
                # A failing listener must not affect the following lines.
                sys.stderr.write(f"a log line could not be shown: {type(error).__name__}\n")


def _fields(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "message" in found else {}
