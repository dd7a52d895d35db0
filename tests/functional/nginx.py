"""Run the shipped nginx site, without root, on ports and paths of the test."""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.functional.processes import wait_until
from tests.ports import free_port
from tests.substitution import substituted

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "deploy" / "nginx" / "vigint.conf"

# The surroundings of a site in a distribution's nginx.conf, with its verbose logs.
_AROUND = """
{user}
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/logs/main-error.log;
events {{ worker_connections 512; }}
http {{
    default_type application/octet-stream;
    sendfile on;
    gzip on;
    access_log {folder}/logs/main-access.log;
    error_log {folder}/logs/main-error.log;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def nginx_program() -> str:
    """Return nginx; without one the test is skipped, or fails where everything must run."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing = "there is no nginx on this machine (Debian: apt install nginx-light)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def make_certificate(folder: Path) -> Path:
    """Create a self-signed certificate for localhost; its key is beside it."""
    certificate = folder / "fullchain.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(folder / "privkey.pem"), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
        timeout=150,
    )  # fmt: skip
    return certificate


class Nginx:
    """An nginx with the shipped site in front of one port."""

    def __init__(
        self,
        folder: Path,
        certificate: Path,
        upstream: int,
        *,
        level: str = "emerg",
        media: Path | None = None,
    ) -> None:
        """Write its configuration.

        Args:
            upstream: Vigint's port.
            level: the level of its error log.
            media: the footage that it sends itself for Vigint; None as shipped.
        """
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.http_port, self.https_port = free_port(), free_port()
        self.url = f"https://localhost:{self.https_port}"
        site = SITE.read_text(encoding="utf-8")
        footage = {}
        if media is not None:
            # As in docs/operations.md.
            site = re.sub(r"(?m)^( *)#accel ", r"\1", site)
            footage = {"/var/lib/vigint/media/": f"{media}/"}
        site = substituted(
            site,
            {
                **footage,
                "listen [::]:80": f"listen [::]:{self.http_port}",
                "listen [::]:443": f"listen [::]:{self.https_port}",
                "listen 80": f"listen {self.http_port}",
                "listen 443": f"listen {self.https_port}",
                "https://vigint.example.com$request_uri": f"{self.url}$request_uri",
                "/etc/letsencrypt/live/vigint.example.com/": f"{certificate.parent}/",
                "vigint.example.com": "localhost",
                "server 127.0.0.1:8000": f"server 127.0.0.1:{upstream}",
                "/var/log/nginx/": f"{self.logs}/",
                "/var/www/html": f"{folder}/html",
                "error.log emerg": f"error.log {level}",
            },
        )
        if not _has_ipv6():
            site = re.sub(r"\n *listen \[::\].*", "", site)
        (folder / "site.conf").write_text(site, encoding="utf-8")
        # Started by root, nginx would run its workers as «nobody», who may not write here.
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
        self._argv = [
            nginx_program(), "-p", str(folder), "-c", str(folder / "nginx.conf"),
            "-e", str(self.logs / "start-error.log"),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Check the configuration, as `nginx -t` does, and start."""
        checked = subprocess.run(
            [*self._argv, "-t"], capture_output=True, text=True, timeout=150, check=False
        )
        assert checked.returncode == 0, checked.stderr
        self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL)
        wait_until(lambda: _listens(self.https_port), "nginx listens")

    def stop(self) -> None:
        """Stop it, and wait until its log lines are written."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def read_logs(self) -> str:
        """Return all its log lines."""
        return "\n".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in sorted(self.logs.iterdir())
        )

    def access_log(self) -> str:
        """Return the site's access log."""
        return (self.logs / "vigint-access.log").read_text(encoding="utf-8")

    def temporary_bytes(self) -> int:
        """Return the size of its temporary files for bodies."""
        return sum(
            path.stat().st_size
            for name in ("client_body", "proxy")
            for path in (self.folder / name).rglob("*")
            if path.is_file()
        )


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
