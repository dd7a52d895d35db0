"""The demo and the check script, run as by a user."""

import base64
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.client.fake_vigint import KEY, FakeVigint, Fault
from vigint_client.drawing import draw_incident

CHECKOUT = Path(__file__).resolve().parents[3]
NAMES = ("VIGINT_SERVER_URL", "VIGINT_API_KEY", "SPARSE_AI_BASE_URL", "SPARSE_AI_API_KEY")


def run(script: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    return subprocess.run(
        [sys.executable, "-S", CHECKOUT / script],
        cwd=folder, env=kept | environ, capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip


@pytest.fixture
def environ(vigint: FakeVigint) -> dict[str, str]:
    # Port 9 has no listener, so no mail settings of this checkout can send a real mail.
    return {
        "VIGINT_SERVER_URL": vigint.url,
        "VIGINT_API_KEY": KEY,
        "VIGINT_SMTP_SERVER": "127.0.0.1",
        "VIGINT_SMTP_PORT": "9",
    }


def test_the_demo_posts_forty_frames(
    vigint: FakeVigint, environ: dict[str, str], tmp_path: Path
) -> None:
    done = run("demo_video_link_service.py", tmp_path, **environ)
    assert done.returncode == 0, done.stderr
    assert f"{vigint.url}/video/vid-inc1?token=t" in done.stdout
    assert "mail to guard@example.org: sent" in done.stdout
    document = vigint.posts()[0].json()
    gaps = {
        round(later - earlier, 3)
        for earlier, later in zip(document["timestamps"], document["timestamps"][1:], strict=False)
    }
    assert len(document["timestamps"]) == 40
    assert gaps == {0.1}
    assert KEY not in done.stdout + done.stderr


def test_the_demo_fails_when_the_video_does(
    vigint: FakeVigint, environ: dict[str, str], tmp_path: Path
) -> None:
    vigint.next_states = [
        vigint.done_state(state="failed", file_hash=None, deliveries=[], error="No disk space.")
    ]
    done = run("demo_video_link_service.py", tmp_path, **environ)
    assert done.returncode == 1
    assert "No disk space." in done.stderr
    vigint.faults.append(Fault(status=403))
    done = run("demo_video_link_service.py", tmp_path, **environ)
    assert done.returncode == 1
    assert "VIGINT_API_KEY" in done.stderr


@pytest.mark.parametrize("script", ["demo_video_link_service.py", "test_video_link_service.py"])
def test_without_a_server_one_sentence_says_so(script: str, tmp_path: Path) -> None:
    # Both halves of the first pair, so that no file of this checkout can complete it.
    done = run(script, tmp_path, VIGINT_SERVER_URL="http://127.0.0.1:9", VIGINT_API_KEY="ä")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "VIGINT_API_KEY" in done.stderr


def test_the_checks_pass_against_a_server_that_keeps_the_contract(
    vigint: FakeVigint, environ: dict[str, str], tmp_path: Path
) -> None:
    done = run("test_video_link_service.py", tmp_path, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\nok ") == 8
    assert "skipped" not in done.stdout
    assert vigint.videos == {}


def test_the_checks_find_a_wrong_stream_and_an_unsent_mail(
    vigint: FakeVigint, environ: dict[str, str], tmp_path: Path
) -> None:
    pending = {"recipient": "guard@example.org", "state": "pending", "kind": "video"}
    vigint.next_states = [vigint.done_state(file_hash="00" * 32, deliveries=[pending])]
    done = run("test_video_link_service.py", tmp_path, **environ)
    assert done.returncode == 1
    assert "FAILED  link: the private link streams exactly that video" in done.stdout
    assert "FAILED  mail: an alert with a broken frame reaches" in done.stdout


def test_drawn_frames_move_and_carry_their_time() -> None:
    frames = draw_incident(3, 1758810600.0)
    assert [frame["timestamp"] for frame in frames] == [1758810600.0, 1758810600.1, 1758810600.2]
    pictures = []
    for frame in frames:
        with Image.open(io.BytesIO(base64.b64decode(frame["frame_data"]))) as image:
            assert image.size == (640, 480)
            pictures.append(image.tobytes())
    assert len(set(pictures)) == 3
