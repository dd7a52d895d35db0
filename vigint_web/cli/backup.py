"""Back up an installation, verify a backup, and restore one from the command line."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click
from flask import Flask

from vigint_web import create_app, read_config
from vigint_web.cli.preflight import DataDirLock, StartError, check_data_dir
from vigint_web.cli.up import migrate_database
from vigint_web.config.config import Config, load_config
from vigint_web.config.environment import ROOT
from vigint_web.extensions import db
from vigint_web.services.core.actors import command_line
from vigint_web.services.operations import backup as backups
from vigint_web.services.operations import restore as restoring
from vigint_web.services.operations.backup_archive import Archive, Manifest

_ASIDE = "before-restore-"
# Files that a new file system, or a finished start, leaves in an empty directory.
_NOTHING = {"lost+found", "vigint.lock"}
_KEYS = ("VIGINT_SECRET_KEY", "VIGINT_OLD_SECRET_KEYS")


@click.command()
@click.argument("place", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Check a backup instead of making one.")
@click.option(
    "--leave-out-missing",
    is_flag=True,
    help="Continue without files that are missing in the storage though a row references them.",
)
def backup(place: Path, verify: bool, leave_out_missing: bool) -> None:
    """Write database, videos, mails and secret key into one file, while Vigint runs or not.

    In a FOLDER the file gets a name with the time. Nothing is overwritten.
    """
    with _ending_properly():
        if verify:
            _verify(place)
        else:
            _back_up(place, leave_out_missing)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--force",
    is_flag=True,
    help="Move the content of the data directory into a folder in it, then restore.",
)
def restore(file: Path, force: bool) -> None:
    """Restore a backup into an empty data directory, and migrate it.

    Every byte is checked before anything is installed. Nothing is ever deleted or overwritten:
    with --force the existing data is moved into a folder whose name is printed.
    """
    with _ending_properly(), Archive(file) as archive:
        manifest = _checked(archive)
        data_dir = _data_dir()
        config = _config(data_dir, manifest)
        check_data_dir(data_dir)
        with DataDirLock(data_dir):
            with _emptied(data_dir, force) as aside, _application(config):
                restoring.check_place(manifest)
                _put_in_place(archive, manifest)
            with _application(config) as app:
                migrate_database(app)
                gone, held = restoring.settle_restored(command_line(), manifest)
    click.echo(f"Restored {_summary(manifest)}.")
    if gone:
        click.echo(f"Deleted while the backup was made, hence not there: {_number(gone, 'video')}.")
    if held:
        click.echo(
            f"On hold, for it may have been sent since: {_number(held.mails, 'mail')} and"
            f" {_number(held.calls, 'call')} of programs that waited when the backup was made. An"
            " administrator decides on the home page; what comes in from now on is sent as ever."
        )
    if aside is not None:
        click.echo(f"What was there before is in {aside}: delete it once you no longer need it.")
    click.echo("The secret key came with it: existing links open again. Now: ./vigint up")


def _back_up(place: Path, leave_out_missing: bool) -> None:
    data_dir = _data_dir()
    if not data_dir.is_dir():
        raise StartError(
            f"There is no data directory {data_dir}: name the right one in VIGINT_DATA_DIR."
        )
    target = place.absolute()
    if target.is_dir():
        target /= f"vigint-{datetime.now(UTC):%Y%m%d-%H%M%S}.tar"
    with _application(read_config()):
        progress = _Progress("Backing up")
        made = backups.make_backup(
            command_line(), target, progress.show, leave_out_missing=leave_out_missing
        )
        progress.end()
    rows = _rows(made.rows)
    click.echo(f"Backed up {rows}, {_number(made.files, 'file')}, {_size(made.size)}: {made.path}")
    if made.gone:
        click.echo(f"Deleted meanwhile, with their rows: {_number(len(made.gone), 'file')}.")
    for key in made.doubtful:
        click.echo(f"Attention: {key} is missing or is not what its row says.", err=True)
    click.echo("It holds the secret key, hence opens every link: keep it like a password.")


def _put_in_place(archive: Archive, manifest: Manifest) -> None:
    progress = _Progress("Restoring", manifest.size)
    try:
        restoring.put_in_place(archive, manifest, progress.add)
    finally:
        progress.end()


def _verify(path: Path) -> None:
    with Archive(path) as archive:
        manifest = _checked(archive)
        url = ""
        if manifest.dialect == "postgresql":
            # A temporary key: verifying must not create one in the data directory.
            url = _config(_data_dir(), manifest).database_url
        restoring.verify(archive, manifest, url or "sqlite://")
    click.echo(
        f"The backup is whole: {_summary(manifest)}. Every hash and every row count is right."
    )


def _checked(archive: Archive) -> Manifest:
    progress = _Progress("Checking", archive.path.stat().st_size)
    try:
        return archive.check(progress.add)
    finally:
        progress.end()


def _config(data_dir: Path, manifest: Manifest) -> Config:
    """Return the configuration with the backup's keys, so that none is generated here."""
    given = _given_key(os.environ)
    newest, *older = manifest.secret_keys
    if given is not None and given != newest:
        raise StartError(
            "VIGINT_SECRET_KEY is set to another key than the backup's, so no link of the backup"
            " would open: remove that setting (the key comes with the backup), then start again."
        )
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _KEYS and name.removesuffix("_FILE") not in _KEYS
    }
    keys = {"VIGINT_SECRET_KEY": newest, "VIGINT_OLD_SECRET_KEYS": " ".join(older)}
    return load_config({**kept, **keys, "VIGINT_DATA_DIR": str(data_dir)}, ROOT / "config.ini")


def _given_key(environ: Mapping[str, str]) -> str | None:
    named = environ.get("VIGINT_SECRET_KEY_FILE", "").strip()
    try:
        given = environ.get("VIGINT_SECRET_KEY", "").strip() or (
            Path(named).read_text(encoding="utf-8").strip() if named else ""
        )
    except (OSError, UnicodeDecodeError):
        return None  # reported by the start itself
    return given or None


@contextmanager
def _emptied(data_dir: Path, force: bool) -> Iterator[Path | None]:
    """Provide an empty data directory; with `--force` move its content aside.

    After an error the directory is as before.
    """
    there = _entries(data_dir)
    if there and not force:
        raise StartError(
            f"{data_dir} is not empty (it holds {there[0].name}), and a restore overwrites nothing:"
            " name an empty directory in VIGINT_DATA_DIR, or add --force, which moves what is there"
            " into a folder of its own."
        )
    aside = None
    if there:
        aside = data_dir / f"{_ASIDE}{datetime.now(UTC):%Y%m%d-%H%M%S}"
        aside.mkdir(mode=0o700)
    try:
        if aside is not None:
            for path in there:
                path.rename(aside / path.name)
        yield aside
    except BaseException:
        for path in _entries(data_dir):
            _remove_empty(path)
        if aside is not None:
            for path in sorted(aside.iterdir()):
                path.rename(data_dir / path.name)
            aside.rmdir()
        raise


def _entries(data_dir: Path) -> list[Path]:
    return [
        path
        for path in sorted(data_dir.iterdir())
        if path.name not in _NOTHING and not path.name.startswith(_ASIDE)
    ]


def _remove_empty(path: Path) -> None:
    """Remove empty folders that a start created; never touch a file."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            _remove_empty(inner)
        with suppress(OSError):
            path.rmdir()


def _data_dir() -> Path:
    return Path(os.environ.get("VIGINT_DATA_DIR") or "data").absolute()


def _summary(manifest: Manifest) -> str:
    files = f"{_number(len(manifest.media), 'stored file')}, {_size(manifest.size)}"
    return f"{_rows(manifest.rows)}, {files}, made {manifest.created_at}"


def _rows(rows: Mapping[str, int]) -> str:
    return ", ".join(
        _number(rows.get(f"{name}s", 0), name) for name in ("incident", "source", "user")
    )


def _number(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


class _Progress:
    """Show progress on a terminal."""

    def __init__(self, what: str, total: int = 0) -> None:
        self._what, self._total = what, total
        self._done = 0
        self._next = 0.0

    def add(self, count: int) -> None:
        """Add processed bytes."""
        self._done += count
        self.show(self._done, self._total)

    def show(self, done: int, total: int) -> None:
        """Print the progress, a few times a second."""
        if not sys.stderr.isatty() or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 0.2
        share = min(100, 100 * done // max(total, 1))
        click.echo(f"\r{self._what}: {share} % of {_size(total)} ", nl=False, err=True)

    def end(self) -> None:
        """Clear the progress line before other output."""
        if self._next:
            click.echo("\r" + " " * 60 + "\r", nl=False, err=True)


@contextmanager
def _application(config: Config) -> Iterator[Flask]:
    app = create_app(config)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


@contextmanager
def _ending_properly() -> Iterator[None]:
    """Treat SIGTERM inside the block like an error, so that partial files are removed."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


COMMANDS = {"backup": backup, "restore": restore}
