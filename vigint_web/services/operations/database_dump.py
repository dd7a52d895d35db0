"""Copy a database at one point in time, while others write to it, and install a copy."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, inspect, make_url, text

from vigint_web.errors import CommandRefused, VigintError
from vigint_web.storage import is_key, is_name

_DEAD_SECONDS = 6 * 3600

# Key, hash and size of files, by what they are to their video.
_Files = dict[tuple[str, int], tuple[Any, Any, Any]]


class DatabaseRefused(CommandRefused):
    """Explain in a sentence why a database could not be copied or restored."""


@dataclass(frozen=True)
class StoredFile:
    """A file referenced by a row; with hash and size if the row has them."""

    video_id: int
    key: str
    sha256: str | None
    size: int | None


@dataclass(frozen=True)
class Contents:
    """The content of a database, as compared by backups."""

    rows: dict[str, int]
    revision: str | None
    files: tuple[StoredFile, ...]
    # Names of files that Vigint never generates: they may lead out of the storage.
    strange: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A copy of a database in one file, and its content."""

    path: Path
    contents: Contents


@contextmanager
def snapshot(engine: Engine, folder: Path) -> Iterator[Snapshot]:
    """Copy a database into a folder.

    Raises:
        DatabaseRefused: there is none, or the program that copies it is missing or fails.
    """
    path = folder / "snapshot"
    if engine.dialect.name == "sqlite":
        _copy_sqlite(engine.url, path)
        with _opened(path) as connection:
            found = read_contents(connection)
    else:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            found = read_contents(connection)
            moment = connection.scalar(text("SELECT pg_export_snapshot()"))
            _run_postgresql(
                "pg_dump", engine.url, "--format=custom", f"--snapshot={moment}", f"--file={path}"
            )
    yield Snapshot(path, found)


def read_contents(connection: Connection) -> Contents:
    """Return the content of a database of any revision."""
    tables = sorted(inspect(connection).get_table_names())
    quote = connection.dialect.identifier_preparer.quote
    rows = {
        table: connection.scalar(text(f"SELECT count(*) FROM {quote(table)}")) or 0  # noqa: S608 - its own names
        for table in tables
    }
    revision = None
    if "alembic_version" in tables:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    files = tuple(stored_files(connection) if "videos" in tables else ())
    strange = [stored.key for stored in files if not is_key(stored.key)]
    if "video_files" in tables:
        keys = connection.scalars(text("SELECT key FROM video_files")).all()
        strange += [key for key in map(str, keys) if not is_key(key)]
    # What is staged is named by its upload.
    if "uploads" in tables:
        named = connection.scalars(text("SELECT public_id FROM uploads")).all()
        strange += [name for name in map(str, named) if not is_name(name)]
    return Contents(rows, revision, files, tuple(strange))


def stored_files(connection: Connection) -> Iterator[StoredFile]:
    """Yield every file that a video has, each once, whatever the revision.

    Files are named by columns of videos, and since 0021 by rows of their own too. Where both tell
    of the same place the columns are right: processes of the version before write nothing else.

    Raises:
        DatabaseRefused: names of further tracks are invalid.
    """
    inspector = inspect(connection)
    columns = {column["name"] for column in inspector.get_columns("videos")}
    kinds = sorted(name.removesuffix("_key") for name in columns if name.endswith("_key"))
    rows = _rows_of_files(connection) if inspector.has_table("video_files") else iter(())
    of_rows = next(rows, None)
    seen = set()
    for video in connection.execute(text("SELECT * FROM videos ORDER BY id")).mappings():
        tracks = video.get("tracks")
        named = {
            (k, 1): (video[f"{k}_key"], video.get(f"{k}_sha256"), video.get(f"{k}_size"))
            for k in kinds
            if video[f"{k}_key"]
        } | _tracks(tracks)
        while of_rows is not None and of_rows[0] <= video["id"]:
            if of_rows[0] == video["id"]:
                # Which further pictures there are is the list's to say.
                kept = (s for s in of_rows[1] if s[1] == 1 or tracks is None)
                named = {slot: of_rows[1][slot] for slot in kept} | named
            of_rows = next(rows, None)
        for key, sha256, size in named.values():
            if key and key not in seen:
                seen.add(key)
                # SQLite holds what it was given, of whatever type.
                yield StoredFile(video["id"], str(key), sha256, size)


def _rows_of_files(connection: Connection) -> Iterator[tuple[int, _Files]]:
    """Yield the files that rows of their own name, video by video in the order of their ids."""
    found = connection.execute(
        text("SELECT video_id, kind, number, key, sha256, size FROM video_files ORDER BY video_id")
    )
    for video_id, rows in groupby(found, lambda row: row.video_id):
        yield (
            video_id,
            {(row.kind, row.number): (row.key, row.sha256, row.size) for row in rows},
        )


def _tracks(stored: Any) -> _Files:
    """Return key, hash and size of each further picture that a row names.

    ``stored`` is a JSON text from SQLite, and what it says from PostgreSQL.
    """
    try:
        tracks = json.loads(stored) if isinstance(stored, str | bytes) else stored
        named: _Files = {}
        for track in tracks or []:
            posters = [("poster", track["poster"])] if "poster" in track else []
            for kind, file in (("playable", track), *posters):
                of_file = (str(file["key"]), file["sha256"], file["size"])
                named[kind, track["number"]] = of_file
        return named
    except (ValueError, TypeError, KeyError, RecursionError):
        raise DatabaseRefused(
            "The database is damaged: it names further pictures of a video as no Vigint does."
            " Use another backup."
        ) from None


def check_restored(path: Path) -> Contents:
    """Return the content of a restored SQLite file; raises DatabaseRefused when it is damaged."""
    try:
        with _opened(path) as connection:
            if connection.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
                raise DatabaseRefused("The database in the backup is damaged. Use another backup.")
            return read_contents(connection)
    except VigintError:
        raise
    except Exception:
        # The file is untrusted: tables without their columns, values of unexpected types, damage.
        raise DatabaseRefused(
            "The database in the backup is damaged. Use another backup."
        ) from None


def is_empty(engine: Engine) -> bool:
    """Return whether a database is empty."""
    if engine.dialect.name == "sqlite":
        return not sqlite_path(engine.url).exists()
    with engine.connect() as connection:
        return not inspect(connection).get_table_names()


def restore_postgresql(url: URL, path: Path) -> None:
    """Fill an empty PostgreSQL database from a dump, completely or not at all."""
    _run_postgresql(
        "pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner",
        "--no-privileges", str(path),
    )  # fmt: skip


def empty_postgresql(url: URL) -> None:
    """Empty a database that was empty before this restore filled it."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for table in inspect(connection).get_table_names():
            quoted = connection.dialect.identifier_preparer.quote(table)
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted} CASCADE")
    engine.dispose()


def may_create_databases(url: URL) -> bool:
    """Return whether the configured user may create databases on that server."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return bool(
            connection.scalar(
                text("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            )
        )


@contextmanager
def scratch_postgresql(url: URL, name: str) -> Iterator[URL]:
    """Provide a temporary empty database beside the configured one.

    Raises:
        DatabaseRefused: its user may not create databases.
    """
    if not may_create_databases(url):
        raise DatabaseRefused(
            "The backup's files are whole. Comparing its rows needs a database for a moment,"
            f" and the user {url.username} may not create one: ALTER ROLE {url.username}"
            " CREATEDB."
        )
    admin = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            yield url.set(database=name)
        finally:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def sqlite_path(url: URL) -> Path:
    """Return the file of an SQLite database."""
    return Path(url.database or "").absolute()


def parse_url(url: str) -> URL:
    """Return an address parsed by SQLAlchemy."""
    return make_url(url)


def _copy_sqlite(url: URL, target: Path) -> None:
    source = sqlite_path(url)
    if not source.is_file():
        raise DatabaseRefused(
            f"There is no database at {source}: name the right data directory in VIGINT_DATA_DIR."
        )
    try:
        with closing(sqlite3.connect(source, timeout=60, isolation_level=None)) as connection:
            # One read transaction: writers continue, and no deleted data remains in the copy.
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise OSError(errno.ENOSPC, "no room for a copy of the database") from None
        raise DatabaseRefused(f"The database {source} cannot be copied: {error}.") from None
    target.chmod(0o600)


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _run_postgresql(program: str, url: URL, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise DatabaseRefused(
            f"PostgreSQL's {program} is needed and is not on this machine: install the client"
            " programs of the server's version or a newer one (Debian or Ubuntu: apt install"
            " postgresql-client), then start again."
        )
    # Arguments are visible to all users of the machine; the environment is not.
    address = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    ).render_as_string()
    environment = {name: value for name, value in os.environ.items() if "VIGINT" not in name}
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run(
        [found, "--no-password", f"--dbname={address}", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_DEAD_SECONDS,
        check=False,
    )
    if done.returncode:
        output = " ".join(done.stderr.split())[-500:]
        raise DatabaseRefused(f"PostgreSQL's {program} failed: {output}")
