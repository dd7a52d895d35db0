"""Run Vigint's commands in the tests as from the command line of a machine."""

from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner, Result

from tests.helpers import close_pool
from vigint_web import create_app
from vigint_web.cli import cli
from vigint_web.cli.preflight import StartError
from vigint_web.config.config import ConfigError, load_config
from vigint_web.errors import VigintError
from vigint_web.extensions import db
from vigint_web.services.operations import database_dump
from vigint_web.storage import StorageError

# What `main` prints as a sentence; anything else is a traceback.
_SENTENCES = (ClickException, ConfigError, StartError, StorageError, VigintError)


class Shell:
    """Run commands as from the command line of a machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
        self._monkeypatch = monkeypatch
        self.environ = environ

    def run(self, *arguments: str | Path) -> Result:
        """Run a command; its refusal is the result's exception."""
        with self._monkeypatch.context() as patch:
            for name, value in self.environ.items():
                patch.setenv(name, value)
            return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    def does(self, *arguments: str | Path) -> str:
        """Run a successful command; return its output."""
        result = self.run(*arguments)
        assert result.exception is None, result.exception
        assert result.exit_code == 0, result.output
        return result.output

    def is_refused(self, *arguments: str | Path) -> str:
        """Run a refused command; return the sentence."""
        result = self.run(*arguments)
        assert result.exception is not None, f"it was not refused: {result.output}"
        if not isinstance(result.exception, _SENTENCES):
            raise result.exception  # a fault, whose traceback the report shows
        return str(result.exception)


def here(shell: Shell) -> Path:
    """Return the data directory of a shell."""
    return Path(shell.environ["VIGINT_DATA_DIR"])


def nothing_is_there(place: Shell) -> bool:
    """Return whether a data directory and a database are still empty."""
    folder = here(place)
    if "VIGINT_DATABASE_URL" in place.environ:
        app = create_app(load_config({**place.environ, "VIGINT_DATA_DIR": str(folder) + "-x"}))
        with app.app_context():
            empty = database_dump.is_empty(db.engine)
            close_pool(db.engine)
        assert empty
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    return there <= {"vigint.lock"}
