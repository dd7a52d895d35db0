"""`./vigint --help`: every command on one screen."""

import re

import pytest
from click.testing import CliRunner

from tests.functional.installation import ROOT
from vigint_web.cli import cli
from vigint_web.cli.commands import MODULES, SECTIONS


@pytest.fixture(scope="module")
def help_text() -> str:
    return CliRunner().invoke(cli, ["--help"]).output


def test_it_fits_a_terminal_of_24_lines_by_80_columns(help_text: str) -> None:
    lines = help_text.rstrip("\n").splitlines()
    assert len(lines) <= 22, "the command above it and the next prompt take a line each"
    assert max(map(len, lines)) < 80
    assert "..." not in help_text, "a sentence is cut"


def test_every_command_is_named(help_text: str) -> None:
    for name in [*MODULES, "test", "bench"]:
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", help_text), f"{name} is not named"


def test_every_command_exists() -> None:
    """The table is separate from the commands, so that the help imports none of them."""
    for section in SECTIONS.values():
        for name in section:
            assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0, f"no command {name}"


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in readme.splitlines() if line.startswith("| `./vigint"))
    for name in (MODULES.keys() | {"test", "bench"}) - {"prepare"}:
        assert re.search(rf"[ `]{name}[ `]", table), f"the README does not name {name}"
