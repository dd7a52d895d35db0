"""Compare database rows and storage from the command line, and delete unreferenced files."""

import json
import sys
import time
from typing import Any

import click

from vigint_web import create_app
from vigint_web.cli.preflight import StartError
from vigint_web.services.core.actors import command_line
from vigint_web.services.core.runtime import storage
from vigint_web.services.videos import storage_check
from vigint_web.services.videos.storage_check import Damage, Findings, Problem
from vigint_web.storage import Held, StorageError

_SAFE_HOURS = 6


@click.group()
def media() -> None:
    """Check stored footage."""


@media.command()
@click.option(
    "--delete",
    is_flag=True,
    help="Remove files that no row references; without this option nothing is removed.",
)
@click.option(
    "--older-than",
    "hours",
    type=click.FloatRange(min=0),
    default=_SAFE_HOURS,
    show_default=True,
    help="Minimum age in hours of a file to remove. Use 0 only while Vigint is stopped.",
)
@click.option("--hash", "hashes", is_flag=True, help="Read every file and compare its SHA-256.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of sentences.")
def check(delete: bool, hours: float, hashes: bool, as_json: bool) -> None:
    """Compare the database with the stored files.

    Lists referenced files that are missing or differ from their row, and unreferenced files,
    working files and uploads. The status is 0 if there is none, or if they were removed.
    """
    with create_app().app_context():
        try:
            _check(delete, hours * 3600, hashes, as_json)
        except StorageError as error:
            raise StartError(f"The storage ({storage().describe()}) failed: {error}.") from None


def _check(delete: bool, older_than: float, hashes: bool, as_json: bool) -> None:
    progress = _Progress()
    found = storage_check.check(older_than, progress.show, hashes=hashes)
    progress.end()
    if not as_json:
        _print_findings(found, hashes)
    removed = Findings()
    if delete and found.removable:
        removed = storage_check.remove(command_line(), found, older_than)
    if as_json:
        click.echo(json.dumps(_document(found, removed, hashes), indent=2))
    elif removed.removable:
        click.echo(f"Removed {_all_of(removed)}.")
    elif found.removable:
        click.echo(f"Would remove {_all_of(found)}: add --delete to do it.")
    if found.damaged or len(removed.removable) < len(found.removable):
        sys.exit(1)


def _print_findings(found: Findings, hashes: bool) -> None:
    click.echo(f"Storage: {storage().describe()}")
    for damage in found.damaged:
        click.echo(f"WRONG    {damage.named.key}: {_sentence(damage)}")
    for what, several in (
        ("no row", found.orphans),
        ("upload", found.staged),
        ("work", found.unfinished),
    ):
        for held in several:
            click.echo(f"{what.ljust(7)}  {held.name}: {_size(held.size)}, {_age(held.age)} old")
    compared = "size and SHA-256" if hashes else "size"
    right = f"{_number(found.files, 'file')}, {_size(found.size)}: right by {compared}."
    click.echo(right if found.files else "No row names a file that is there.")
    if found.damaged:
        click.echo(
            f"{_number(len(found.damaged), 'file')} not as the row says: bring it back from a"
            " backup, or delete its source or incident."
        )
    if found.is_well:
        click.echo("Rows and storage agree.")


def _sentence(damage: Damage) -> str:
    named = damage.named
    if damage.problem == Problem.MISSING:
        return f"missing, though {named.video} names it"
    if damage.problem == Problem.SIZE:
        return f"{damage.found} bytes instead of {named.size}"
    return f"changed: it has not the SHA-256 that {named.video} says"


def _document(found: Findings, removed: Findings, hashes: bool) -> dict[str, Any]:
    return {
        "storage": storage().describe(),
        "well": found.is_well,
        "files": found.files,
        "bytes": found.size,
        "hashes_compared": hashes,
        "damaged": [
            {
                "key": damage.named.key,
                "video_id": damage.named.video,
                "problem": damage.problem.value,
                "expected_bytes": damage.named.size,
                "found_bytes": damage.found,
            }
            for damage in found.damaged
        ],
        **{name: _held(several) for name, several in _kinds(found).items()},
        "removed": {name: len(several) for name, several in _kinds(removed).items()},
    }


def _kinds(found: Findings) -> dict[str, list[Held]]:
    return {"orphans": found.orphans, "uploads": found.staged, "unfinished": found.unfinished}


def _held(several: list[Held]) -> list[dict[str, Any]]:
    return [
        {"name": held.name, "bytes": held.size, "age_seconds": round(held.age)} for held in several
    ]


def _all_of(found: Findings) -> str:
    counts = (
        _number(len(found.orphans), "file"),
        _number(len(found.staged), "upload"),
        _number(len(found.unfinished), "unfinished piece") + " of work",
    )
    return f"{', '.join(counts)}: {_size(sum(held.size for held in found.removable))}"


def _number(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _age(seconds: float) -> str:
    return f"{seconds / 86_400:.0f} days" if seconds > 2 * 86_400 else f"{seconds / 3600:.0f} h"


class _Progress:
    """Show progress on a terminal, a few times a second."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, files: int, size: int) -> None:
        if sys.stderr.isatty() and time.monotonic() > self._next:
            self._next = time.monotonic() + 0.2
            click.echo(f"\rLooked at {files} files, {_size(size)} ", nl=False, err=True)

    def end(self) -> None:
        if self._next:
            click.echo("\r" + " " * 60 + "\r", nl=False, err=True)


COMMANDS = {"media": media}
