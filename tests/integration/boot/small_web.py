"""A web server with the shipped settings, around a test application."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.functional.processes import wait_until
from tests.ports import free_port

# Holds a connection open across the fork, as no application should, and reports what it receives.
APPLICATION = """
import os
from flask import Flask, Response, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.environ["DATABASE"]
db = SQLAlchemy(app)
with app.app_context():
    db.session.execute(text("select 1"))
    db.session.remove()
    assert db.engine.pool.checkedin() == 1

@app.get("/pid")
def pid():
    return str(os.getpid())

@app.get("/scheme")
def scheme():
    return request.scheme

@app.get("/pooled")
def pooled():
    return str(db.engine.pool.checkedin())

@app.post("/echo")
def echo():
    return request.get_data()

@app.post("/count")
def count():
    return str(len(request.get_data()))

@app.get("/page")
def page():
    return bytes(900_000)

@app.get("/file")
def file():
    path = os.environ["DATABASE"] + "-footage"
    with open(path, "ab") as made:  # never shorter: others are being sent it
        made.truncate(50_000_000)
    wrapped = request.environ["wsgi.file_wrapper"](open(path, "rb", buffering=0))
    return Response(wrapped, headers={"Content-Length": "50000000"}, direct_passthrough=True)

@app.get("/pieces")
def pieces():
    return Response(bytes(100_000) for _ in range(20))

@app.post("/ignore")
def ignore():
    return "refused", 401

@app.get("/stream/<token>/")
def broken(token):
    def generate():
        raise RuntimeError("broken")
        yield
    return generate()
"""


@dataclass
class Web:
    """A web server of its own, with the settings under test."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def get(self, path: str, **headers: str) -> str:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Connection": "close", **headers})
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def worker(self) -> int | None:
        try:
            return int(self.get("/pid"))
        except (OSError, HTTPException):
            return None


@pytest.fixture
def web(tmp_path: Path, root: Path) -> Iterator[Web]:
    """Yield a running web server of the test's own."""
    with serving(tmp_path, root) as web:
        yield web


@contextmanager
def serving(folder: Path, root: Path) -> Iterator[Web]:
    """Run a web server with its files in a folder."""
    (folder / "small_app.py").write_text(APPLICATION)
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "vigint_web.server.serving",
                    "--config",
                    "python:vigint_web.server.gunicorn_config",
                ),
                *("--bind", f"127.0.0.1:{port}", "small_app:app"),
            ],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "PYTHONPATH": f"{root}:{folder}",
                "DATABASE": str(folder / "database"),
                "VIGINT_WEB_THREADS": "4",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    web = Web(process, port, folder / "log")
    try:
        wait_until(lambda: web.worker() or process.poll() is not None, "web server ready")
        assert process.poll() is None, web.log.read_text()
        yield web
    finally:
        process.kill()
        process.wait()
