"""Print the output of a start: sentences on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from vigint_web.cli.happenings import sentence
from vigint_web.cli.log_file import LogFile
from vigint_web.cli.terminal import Terminal, terminal_of_a_person
from vigint_web.config.config import Config
from vigint_web.logs import as_text
from vigint_web.services.accounts.users import FIRST_ADMIN


class Output:
    """The output of one start, and the destination of its processes' logs."""

    def __init__(self, terminal: Terminal | None, *, log_to_file: bool, verbose: bool) -> None:
        """Set up the output.

        Args:
            terminal: the interactive terminal, if there is one.
            log_to_file: whether log lines go to the file instead of standard error.
            verbose: whether log lines are also shown on the terminal.
        """
        self.terminal = terminal
        self.log_path: Path | None = None
        self.is_muted = False  # suppresses sentences about log lines
        self._log_to_file = log_to_file
        self._verbose = verbose
        self._first_password: str | None = None

    def log_file(self, config: Config) -> AbstractContextManager[LogFile | None]:
        """Return the log file of the processes, or None if they write to standard error."""
        if not self._log_to_file:
            return nullcontext()
        self.log_path = config.data_dir / "vigint.log"
        listener = self._hear if self.terminal is not None else None
        return LogFile(self.log_path, config.log_format, listener)

    def write(self, text: str = "", *, end: str = "\n") -> None:
        """Print a line, or the beginning of one."""
        if self.terminal is not None:
            self.terminal.write(text, end=end)
        else:
            click.echo(text + end, nl=False)
            sys.stdout.flush()

    def progress(self, text: str) -> None:
        """Print the current step if a user is waiting on a terminal."""
        if self.terminal is not None:
            self.terminal.write(text)

    def warn(self, text: str) -> None:
        """Print a warning."""
        if self.terminal is not None:
            self.terminal.write(f"Warning: {text}")
        else:
            click.echo(f"Warning: {text}", err=True)

    def keep_first_password(self, password: str) -> None:
        """Keep the first administrator's password until it is shown; see `first_login`."""
        self._first_password = password

    def first_login(self) -> str | None:
        """Return address and password of the first administrator, once."""
        password, self._first_password = self._first_password, None
        return password and f"{FIRST_ADMIN}  {password}  (shown once)"

    @property
    def where_processes_speak(self) -> str:
        """Return the place where the processes' output can be read."""
        return f"in {shown(self.log_path)}" if self.log_path is not None else "above"

    def close(self) -> None:
        """Print the pending important lines, and wait until everything is printed."""
        login = self.first_login()
        if login is not None:
            self.write(f"First login:  {login}")
        if self.terminal is not None:
            self.terminal.close()

    def _hear(self, line: str, fields: Mapping[str, Any]) -> None:
        if self._verbose:
            text: str | None = as_text(fields) if fields else line
        else:
            text = None if self.is_muted else sentence(fields)
        if text is not None:
            self.write("".join(c if c.isprintable() or c == "\n" else " " for c in text))


def shown(path: Path) -> Path:
    """Return a path, relative to the current folder if that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def output_for(*, verbose: bool, always_to_file: bool = False) -> Output:
    """Return the kind of output for this process's standard output and standard error."""
    terminal = terminal_of_a_person()
    to_file = always_to_file or terminal is not None
    return Output(terminal, log_to_file=to_file, verbose=verbose)
