"""The README's detector: on a file, on a camera, and without either."""

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.functional.installation import ROOT, Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage
from tests.ports import free_port

_FILE = '= "incident.mp4"'


def _example() -> str:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [found] = re.findall(r"^```python\n(import sys\n.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert found.count(_FILE) == 1
    return str(found)


def _run(code: str, vigint: Installation, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=vigint.environment
        | {
            "PYTHONPATH": str(ROOT),
            "VIGINT_SERVER_URL": vigint.url,
            "VIGINT_API_KEY": vigint.api_key,
            "VIGINT_SPOOL_DIR": str(folder / "spool"),
        },
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def _clip_of(output: str, vigint: Installation) -> float:
    """Return the duration of the clip whose link an example printed."""
    [link] = re.findall(r"/video/(vid_\w+)\?token=([\w.~-]+)", output)
    vigint.secrets.add(link[1])
    asked = "SELECT duration FROM videos WHERE public_id = ?"
    wait_until(lambda: vigint.sql(asked, link[0]) != [(None,)], "the clip is made")
    [(duration,)] = vigint.sql(asked, link[0])
    return float(duration)


def test_on_a_file_the_clip_lasts_as_long_as_what_was_filmed(
    vigint: Installation, footage: Footage, tmp_path: Path
) -> None:
    (tmp_path / "incident.mp4").write_bytes(footage.clip("incident.mp4").read_bytes())
    done = _run(_example(), vigint, tmp_path)
    assert done.returncode == 0, done.stderr
    assert _clip_of(done.stdout, vigint) == pytest.approx(40 / 25, abs=0.05)


class _Camera(BaseHTTPRequestHandler):
    """A network camera: JPEG pictures one after the other, ten a second."""

    pictures: tuple[bytes, ...] = ()
    pause = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        while True:
            for picture in self.pictures:
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}"
                try:
                    self.wfile.write(head.encode() + b"\r\n\r\n" + picture + b"\r\n")
                except OSError:
                    return
                self.pause.wait(0.1)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def camera(footage: Footage) -> Iterator[str]:
    """Give the address of a network camera."""
    _Camera.pictures = tuple(footage.frames(10))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Camera) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_on_a_camera_the_clip_lasts_as_long_as_it_was_watched(
    vigint: Installation, camera: str, tmp_path: Path
) -> None:
    done = _run(_example().replace(_FILE, f'= "{camera}"'), vigint, tmp_path)
    assert done.returncode == 0, done.stderr
    # Forty pictures, ten a second; the first may have waited for OpenCV to probe the stream.
    assert _clip_of(done.stdout, vigint) > 1


def test_of_a_camera_that_does_not_answer_it_says_so(vigint: Installation, tmp_path: Path) -> None:
    camera = f"http://127.0.0.1:{free_port()}/"
    done = _run(_example().replace(_FILE, f'= "{camera}"'), vigint, tmp_path)
    assert done.returncode == 1
    assert f"{camera} cannot be opened" in done.stderr, "it names what was opened, not a file"


@pytest.mark.parametrize("what", ["nothing", "no video", "a short video"])
def test_without_either_it_says_so_and_fails(
    what: str, vigint: Installation, footage: Footage, tmp_path: Path
) -> None:
    if what == "no video":
        (tmp_path / "incident.mp4").write_text("nothing to be seen")
    if what == "a short video":
        (tmp_path / "incident.mp4").write_bytes(footage.clip("s.mp4", seconds=1).read_bytes())
    done = _run(_example(), vigint, tmp_path)
    assert done.returncode == 1
    assert done.stderr.rstrip().splitlines()[-1].endswith(".")
    assert "Traceback" not in done.stderr
    expected = "before anything was detected" if what == "a short video" else "cannot be opened"
    assert expected in done.stderr
