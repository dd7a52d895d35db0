"""Copy a database as it is at one moment, while others write to it, and put a copy in place."""

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import DatabaseError

from vigint_web.errors import VigintError

_DEAD_SECONDS = 6 * 3600


class DatabaseRefused(VigintError):
    """Say in a sentence why a database could not be copied or restored."""


@dataclass(frozen=True)
class StoredFile:
    """A file that a row names; hash and size as far as the row tells them."""

    video_id: int
    key: str
    sha256: str | None
    size: int | None


@dataclass(frozen=True)
class Contents:
    """What a database holds, as far as backups compare it."""

    rows: dict[str, int]
    revision: str | None
    files: tuple[StoredFile, ...]


@dataclass(frozen=True)
class Snapshot:
    """A copy of a database in one file, and what it holds."""

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
    """Return what a database holds, whatever its revision."""
    tables = sorted(inspect(connection).get_table_names())
    quote = connection.dialect.identifier_preparer.quote
    rows = {
        table: connection.scalar(text(f"SELECT count(*) FROM {quote(table)}")) or 0  # noqa: S608 - its own names
        for table in tables
    }
    revision = None
    if "alembic_version" in tables:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return Contents(rows, revision, tuple(_files(connection) if "videos" in tables else ()))


def check_restored(path: Path) -> Contents:
    """Return what a restored SQLite file holds; raises DatabaseRefused when it is damaged."""
    try:
        with _opened(path) as connection:
            if connection.exec_driver_sql("PRAGMA integrity_check").scalar() != "ok":
                raise DatabaseRefused("The database in the backup is damaged. Use another backup.")
            return read_contents(connection)
    except DatabaseError:
        raise DatabaseRefused(
            "The database in the backup is damaged. Use another backup."
        ) from None


def is_empty(engine: Engine) -> bool:
    """Return whether a database holds nothing yet."""
    if engine.dialect.name == "sqlite":
        return not sqlite_path(engine.url).exists()
    with engine.connect() as connection:
        return not inspect(connection).get_table_names()


def restore_postgresql(url: URL, path: Path) -> None:
    """Fill an empty PostgreSQL database from a dump, wholly or not at all."""
    _run_postgresql(
        "pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner",
        "--no-privileges", str(path),
    )  # fmt: skip


@contextmanager
def scratch_postgresql(url: URL, name: str) -> Iterator[URL]:
    """Give an empty database beside the configured one, for a while.

    Raises:
        DatabaseRefused: its user may not create databases.
    """
    admin = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        may = connection.scalar(
            text("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
        )
        if not may:
            raise DatabaseRefused(
                "The backup's files are whole. Comparing its rows needs a database for a moment,"
                f" and the user {url.username} may not create one: ALTER ROLE {url.username}"
                " CREATEDB."
            )
        connection.exec_driver_sql(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            yield url.set(database=name)
        finally:
            connection.exec_driver_sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def sqlite_path(url: URL) -> Path:
    """Return the file of an SQLite database."""
    return Path(url.database or "").absolute()


def parse_url(url: str) -> URL:
    """Return an address as SQLAlchemy reads it."""
    return make_url(url)


def _files(connection: Connection) -> Iterator[StoredFile]:
    columns = {column["name"] for column in inspect(connection).get_columns("videos")}
    kinds = sorted(name.removesuffix("_key") for name in columns if name.endswith("_key"))
    seen = set()
    for row in connection.execute(text("SELECT * FROM videos ORDER BY id")).mappings():
        for kind in kinds:
            key = row[f"{kind}_key"]
            if key and key not in seen:
                seen.add(key)
                yield StoredFile(row["id"], key, row.get(f"{kind}_sha256"), row.get(f"{kind}_size"))


def _copy_sqlite(url: URL, target: Path) -> None:
    source = sqlite_path(url)
    if not source.is_file():
        raise DatabaseRefused(
            f"There is no database at {source}: name the right data directory in VIGINT_DATA_DIR."
        )
    try:
        with closing(sqlite3.connect(source, timeout=60, isolation_level=None)) as connection:
            # One read transaction: writers go on, and nothing deleted is left in the copy.
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
    # Arguments are seen by everybody on the machine; the environment is not.
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
        said = " ".join(done.stderr.split())[-500:]
        raise DatabaseRefused(f"PostgreSQL's {program} failed: {said}")
