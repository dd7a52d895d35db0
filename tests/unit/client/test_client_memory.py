"""With footage of any length the detector's memory does not grow."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.client.fake_vigint import KEY, FakeVigint

CHECKOUT = Path(__file__).resolve().parents[3]
MIB = 1024 * 1024

GROWTH = """
import resource, sys
def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
"""
FRAMES = """
from alerts import send_security_alert_with_video as send
number, size = map(int, sys.argv[1:3])
def camera():
    for index in range(number):
        yield b"\\xff\\xd8\\xff" + index.to_bytes(4, "big") + bytes(size)
send("warm", [b"\\xff\\xd8\\xff"], wait=0)
before = peak()
result = send("m", camera(), wait=0)
assert result["success"], result
print(result["frames_sent"], peak() - before)
"""
UPLOAD = """
from video_link_service import VideoLinkService
before = peak()
result = VideoLinkService().upload_video(sys.argv[1])
assert result["success"], result
print(1, peak() - before)
"""
ARRAYS = """
import cv2
import numpy as np
from alerts import send_security_alert_with_video as send
chance = np.random.default_rng(1)
scene = np.kron(chance.integers(0, 255, (27, 48, 3), np.uint8), np.ones((40, 40, 1), np.uint8))
scene[:200] = chance.integers(0, 255, (200, 1920, 3), np.uint8)
def camera(number):
    for index in range(number):
        yield {"frame_data": np.roll(scene, index, axis=1), "timestamp": 1.7e9 + index / 25}
send("warm", camera(2), wait=0)
before = peak()
result = send("m", camera(2000), wait=0)
assert result["success"], result
print(result["frames_sent"], peak() - before)
"""


def measure(
    vigint: FakeVigint, spool_dir: Path, program: str, *arguments: object, site: bool = False
) -> tuple[int, int]:
    environ = os.environ | {
        "VIGINT_SERVER_URL": vigint.url, "VIGINT_API_KEY": KEY, "VIGINT_SPOOL_DIR": str(spool_dir),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *([] if site else ["-S"]), "-c", GROWTH + program, *map(str, arguments)],
        cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    number, grown = done.stdout.split()
    return int(number), int(grown)


def test_a_generator_of_two_thousand_frames(vigint: FakeVigint, spool_dir: Path) -> None:
    vigint.drains = {"incident_id": "inc1", "private_link": "https://v.example/"}
    number, grown = measure(vigint, spool_dir, FRAMES, 2_000, 75_000)
    assert number == 2_000
    assert vigint.drained > 2_000 * 75_000
    assert grown < 64 * MIB, f"{grown // MIB} MiB for 143 MiB of frames"
    assert list(spool_dir.iterdir()) == []


def test_an_upload_of_a_large_file(vigint: FakeVigint, spool_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    with path.open("wb") as file:
        file.truncate(96 * MIB)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    vigint.drains = {"private_link": "https://v.example/", "file_hash": digest}
    _number, grown = measure(vigint, spool_dir, UPLOAD, path)
    assert vigint.drained > 96 * MIB
    assert grown < 16 * MIB, f"{grown // MIB} MiB for a file of 96 MiB"


@pytest.mark.campaign
def test_two_thousand_arrays_of_1080p(vigint: FakeVigint, spool_dir: Path) -> None:
    pytest.importorskip("cv2")
    vigint.drains = {"incident_id": "inc1", "private_link": "https://v.example/"}
    number, grown = measure(vigint, spool_dir, ARRAYS, site=True)
    print(f"{vigint.drained // MIB} MiB sent, the memory grew by {grown // MIB} MiB")
    assert number == 2_000
    assert grown < 128 * MIB
