"""Pictures, encoder options and waiting, shared by the media tests."""

import io
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from vigint_web.media.frames import find_picture
from vigint_web.media.incident import FrameRef

MakeClip = Callable[..., Path]

# One test of each kind of work runs with this machine's ffmpeg too; the others in the campaign.
BOTH_PROGRAMS = pytest.mark.parametrize("tools", ["packaged", "path"], indirect=True)

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")


def remux(source: Path, destination: Path, *input_options: str) -> None:
    """Copy a clip's streams into another file, with ffmpeg options for its input."""
    command = [packaged_ffmpeg(), "-v", "error", *input_options, "-i", str(source), "-c", "copy"]
    subprocess.run([*command, str(destination)], check=True)


def packaged_ffmpeg() -> str:
    from imageio_ffmpeg import get_ffmpeg_exe

    return str(get_ffmpeg_exe())


def picture(
    index: int, *, size: tuple[int, int] = (160, 120), kind: str = "JPEG", colour: str = "navy"
) -> bytes:
    """Return a frame with a mark that moves with ``index``."""
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).rectangle((index % 40, 10, index % 40 + 30, 40), fill="white")
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def frame(timestamp: float | None, data: bytes) -> FrameRef:
    found = find_picture(data)
    return FrameRef(timestamp, found.info, lambda: found.taken_from(data))


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Poll until the condition holds; False when it never did."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        if condition():
            return True
        pause.wait(0.01)
    return condition()


def is_running(pid: int) -> bool:
    """Return whether a process runs; an unreaped zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
