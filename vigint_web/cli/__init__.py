"""The command line, one module per command family."""

import gc
import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from vigint_web.cli.commands import MODULES, overview
from vigint_web.cli.preflight import StartError
from vigint_web.config.config import ConfigError
from vigint_web.config.environment import load_environment
from vigint_web.errors import VigintError
from vigint_web.i18n.refusals import error_sentence
from vigint_web.storage import StorageError


class _LazyGroup(click.Group):
    """Import a command's module only when the command is needed, which keeps start and `--help`
    fast.
    """

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        """Return the overview of all commands."""
        return overview()

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every command's name."""
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Return a command by its name."""
        module = MODULES.get(cmd_name)
        if module is None:
            return None
        found = __import__(f"vigint_web.cli.{module}", fromlist=["COMMANDS"])
        if not gc.isenabled():
            # What is loaded stays: later collections pass over it, in forked processes too.
            gc.freeze()
            gc.enable()
        commands: dict[str, click.Command] = found.COMMANDS
        return commands[cmd_name]


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run one of Vigint's commands."""


def main() -> None:
    """Run a command; print a refusal as a message with an exit status, without a stack trace."""
    load_environment()
    try:
        cli(prog_name="./vigint")
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        sys.exit(2)
    except StartError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except VigintError as error:
        # Without an application there is no reader's language: use English, as all commands do.
        print(error_sentence(error), file=sys.stderr)
        sys.exit(1)
    except StorageError as error:
        print(f"The storage cannot be used: {error}. Ask ./vigint doctor.", file=sys.stderr)
        sys.exit(1)
    except SQLAlchemyError as error:
        # Only the type of the error: its text may contain a password.
        problem = "The database cannot be used" + f" ({type(error).__name__}): "
        print(problem + "check VIGINT_DATABASE_URL, or ask ./vigint doctor.", file=sys.stderr)
        sys.exit(1)
