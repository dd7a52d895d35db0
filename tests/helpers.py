"""What tests use besides fixtures."""

import base64
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from vigint_web.clock import utcnow
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def csrf_token(page: str) -> str:
    """Return the token of the first form of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has no form with a CSRF token"
    return found.group(1)


def log_in(client: FlaskClient, email: str, password: str) -> None:
    """Log in by the form, as a browser does."""
    token = csrf_token(client.get("/login").text)
    form = {"csrf_token": token, "email": email, "password": password}
    answer = client.post("/login", data=form)
    assert answer.status_code == 302, "the login was refused"


@dataclass
class Person:
    """Somebody who is logged in."""

    browser: FlaskClient
    email: str

    def post(self, path: str, page: str = "/account", **fields: Any) -> Any:
        """Send a form with the CSRF token of a page."""
        token = csrf_token(self.browser.get(page).text)
        return self.browser.post(path, data={"csrf_token": token, **fields})


class Clock:
    """Move time for every module that reads it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._shift = timedelta(0)
        for name, module in list(sys.modules.items()):
            if name.startswith("vigint_web.") and getattr(module, "utcnow", None) is utcnow:
                monkeypatch.setattr(module, "utcnow", self.now)

    def now(self) -> datetime:
        """Return the time as the application sees it."""
        return utcnow() + self._shift

    def forward(self, **delta: float) -> None:
        """Let time pass."""
        self._shift += timedelta(**delta)


class Footage:
    """Generate clips and frames by the ffmpeg that the application uses, each once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runner = Runner(find_tools())
        self._frames: dict[tuple[int, str], list[bytes]] = {}

    def clip(self, name: str, *options: str, seconds: float = 2, size: str = "320x240") -> Path:
        """Return a clip with picture and sound; the name's ending chooses the container.

        Args:
            options: ffmpeg's output options; H.264 and AAC when none are given.
        """
        path = self._folder / name
        if not path.exists():
            codecs = options or ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
            self._runner.run(
                [
                    "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}",
                    "-f", "lavfi", "-i", f"sine=d={seconds}",
                    "-preset", "ultrafast", *codecs, str(path),
                ]
            )  # fmt: skip
        return path

    def frames(self, count: int = 40, size: str = "320x240") -> list[bytes]:
        """Return JPEG frames of a moving picture."""
        wanted = (count, size)
        if wanted not in self._frames:
            pattern = self._folder / f"{size}-{count}-%04d.jpg"
            self._runner.run(
                [
                    "-f", "lavfi", "-i", f"testsrc2=s={size}:r=10",
                    "-frames:v", str(count), "-q:v", "5", str(pattern),
                ]
            )  # fmt: skip
            paths = sorted(self._folder.glob(f"{size}-{count}-*.jpg"))
            self._frames[wanted] = [path.read_bytes() for path in paths]
        return self._frames[wanted]


def incident_document(frames: list[bytes], *, step: float = 0.1, **more: Any) -> dict[str, Any]:
    """Return the JSON that a detector posts: frames `step` seconds apart."""
    return {
        "message": "Mouvement suspect au rayon 4",
        "incident_data": {
            "incident_type": "Vol à l'étalage",
            "risk_level": "HIGH",
            "confidence": 0.92,
            "analysis": "Un objet est glissé dans un sac.",
            "site": "Magasin Lyon",
            "camera": "Rayon 4",
        },
        "frames": [
            {
                "frame_data": base64.b64encode(frame).decode(),
                "frame_count": number,
                "timestamp": START.timestamp() + (number - 1) * step,
            }
            for number, frame in enumerate(frames, start=1)
        ],
        **more,
    }
