"""The command line, one module per command family."""

import sys
from typing import ClassVar

import click
from sqlalchemy.exc import SQLAlchemyError

from vigint_web.cli.preflight import StartError
from vigint_web.config import ConfigError
from vigint_web.environment import load_environment
from vigint_web.errors import VigintError


class _LazyGroup(click.Group):
    """Import a command's module only when it is asked for: a start is quick, `--help` too."""

    _MODULES: ClassVar = {
        "demo": "demo",
        "up": "up",
        "prepare": "prepare",
        "web": "parts",
        "worker": "parts",
        "scheduler": "parts",
        "queue": "parts",
        "migrate": "up",
        "doctor": "doctor",
        "create-user": "people",
        "reset-password": "people",
        "reset-two-factor": "people",
        "create-api-key": "people",
        "verify-audit": "people",
        "backup": "backup",
        "restore": "backup",
        "rotate-signing-key": "signing",
        "test-video-processing": "media",
        "media": "media_check",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every command's name."""
        return sorted(self._MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return a command by its name."""
        module = self._MODULES.get(cmd_name)
        if module is None:
            return None
        found = __import__(f"vigint_web.cli.{module}", fromlist=["COMMANDS"])
        commands: dict[str, click.Command] = found.COMMANDS
        return commands[cmd_name]


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Vigint: private video links and alerts for security incidents.

    `./vigint demo` shows everything once; `./vigint up` starts it; `./vigint test` runs the tests.
    """


def main() -> None:
    """Run a command; a refusal is a sentence and a status, never a stack trace."""
    load_environment()
    try:
        cli(prog_name="./vigint")
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        sys.exit(2)
    except (StartError, VigintError) as error:
        print(str(error) or f"Not possible: {error.__class__.__name__}.", file=sys.stderr)
        sys.exit(1)
    except SQLAlchemyError as error:
        # The kind alone: the rest may hold a password.
        said = "The database cannot be used" + f" ({type(error).__name__}): "
        print(said + "check VIGINT_DATABASE_URL, or ask ./vigint doctor.", file=sys.stderr)
        sys.exit(1)
