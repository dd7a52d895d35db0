"""Run a real S3 for the tests: OpenStack Swift with its `s3api`, on loopback, as this user."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any

from tests.ports import free_port
from vigint_web.system.processes import die_with_parent

ACCESS_KEY = "test:tester"
SECRET_KEY = "testing"
REGION = "us-east-1"
_ROOM = 1024 * 1024 * 1024
_KINDS = ("account", "container", "object")
_ATTRIBUTE = "user.vigint.test"

_EVERYWHERE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
user = {user}
log_address = {folder}/no-syslog
log_level = WARNING
"""
_KEEPER = """
devices = {folder}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
[pipeline:main]
pipeline = keeper
[app:keeper]
use = egg:swift#{kind}
# On a busy machine a listing must not lack what the object server could not tell it in a second:
# nobody here would tell it later.
conn_timeout = 30
node_timeout = 60
container_update_timeout = 60
"""
_PROXY = f"""
[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth bulk copy slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 30
node_timeout = 60
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {REGION}
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCESS_KEY.replace(":", "_")} = {SECRET_KEY} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
"""
_SERVERS = Path(__file__).with_name("swift_servers.py")
_numbers = count(1)


class NoS3(Exception):
    """There is no usable S3; carries the reason."""


class S3Server:
    """A server on a port of its own, with one account."""

    def __init__(self, folder: Path, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self._folder, self._port = folder, port

    @property
    def log(self) -> str:
        """Return the server's log."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def settings(self, prefix: str = "") -> dict[str, str]:
        """Create a bucket; return the settings of an installation with its footage there."""
        bucket = f"bucket-{os.getpid()}-{next(_numbers)}"
        self.client().create_bucket(Bucket=bucket)
        return {
            "VIGINT_STORAGE_URL": f"s3://{bucket}" + (f"/{prefix}" if prefix else ""),
            "VIGINT_S3_ENDPOINT": self.endpoint,
            "VIGINT_S3_REGION": REGION,
            "VIGINT_S3_ACCESS_KEY": ACCESS_KEY,
            "VIGINT_S3_SECRET_KEY": SECRET_KEY,
        }

    def client(self) -> Any:  # of a class that botocore makes at run time
        """Return a client independent of the application's."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    def answers(self) -> bool:
        """Return whether the server answers."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", "/")  # which is not a request of S3
            return connection.getresponse().status == 404
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server in a temporary folder.

    Raises:
        NoS3: it cannot run on this machine, or does not start.
    """
    if sys.platform != "linux":
        raise NoS3("OpenStack Swift, the S3 that the tests use, runs on Linux only.")
    folder = Path(tempfile.mkdtemp(prefix="vigint-s3-", dir=_place()))
    try:
        ports = _write_configuration(folder)
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", _SERVERS, folder, *map(str, ports)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - one thread
            )
        server = S3Server(folder, ports[-1])
        try:
            deadline = time.monotonic() + 30
            while not server.answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise NoS3(f"Swift did not start: {server.log[-2000:]}")
                time.sleep(0.02)
            yield server
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    finally:
        shutil.rmtree(folder)


def _place() -> str:
    for folder in ("/dev/shm", tempfile.gettempdir(), "/var/tmp", str(Path.cwd())):
        if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM:
            with tempfile.NamedTemporaryFile(dir=folder) as file:
                try:
                    os.setxattr(file.name, _ATTRIBUTE, b"x" * 500)
                except OSError:
                    continue
            return folder
    raise NoS3("No folder here keeps extended attributes, which Swift writes to every file.")


def _write_configuration(folder: Path) -> list[int]:
    """Write the servers' configuration; return their ports, that of the proxy, which is the S3,
    last.
    """
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    values = {"folder": folder, "user": pwd.getpwuid(os.geteuid()).pw_name}
    (folder / "devices" / "one").mkdir(parents=True)
    ports = [free_port() for _ in (*_KINDS, "proxy")]
    for kind, port in zip(_KINDS, ports, strict=False):
        text = (_EVERYWHERE + _KEEPER).format(kind=kind, port=port, **values)
        (folder / f"{kind}.conf").write_text(text)
    (folder / "proxy.conf").write_text(_EVERYWHERE.format(port=ports[-1], **values) + _PROXY)
    return ports
