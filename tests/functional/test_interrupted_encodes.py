"""Kill -9 in the middle of an encode: the incident is finished once, and mailed once."""

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.functional.installation import Installation
from tests.functional.processes import freeze, parent_of, wait_until

Document = Callable[..., dict[str, Any]]

_WITHIN = 60.0


@dataclass(frozen=True)
class _Encode:
    """An incident whose ffmpeg was stopped in the middle of its encode."""

    accepted: dict[str, Any]
    ffmpeg: int
    horse: int
    worker: int


def _in_mid_encode(vigint: Installation, document: dict[str, Any]) -> _Encode:
    """Post an incident and stop its ffmpeg: a stopped process cannot end before it is killed."""
    before = set(vigint.encoders())
    accepted = vigint.post(document)

    def caught() -> int | None:
        for pid in vigint.encoders():
            if pid not in before and freeze(pid):
                return pid
        return None

    ffmpeg = wait_until(caught, "an ffmpeg encodes the incident")
    horse = parent_of(ffmpeg)
    assert horse is not None
    worker = parent_of(horse)
    assert worker in vigint.children("worker.py"), "worker, work-horse and ffmpeg are a family"
    return _Encode(accepted, ffmpeg, horse, worker)


def _finished_once(vigint: Installation, encode: _Encode, *, attempts: int) -> None:
    began = time.monotonic()
    reference = encode.accepted["reference"]
    ended = vigint.finished(encode.accepted, _WITHIN)
    print(f"{reference}: finished {time.monotonic() - began:.1f} s after the last kill")
    assert ended["state"] == "ready", ended
    assert [delivery["state"] for delivery in ended["deliveries"]] == ["sent"]
    assert len(vigint.mails(reference)) == 1
    video_id = encode.accepted["video_id"]
    [(attempt,)] = vigint.sql("SELECT attempt FROM videos WHERE public_id = ?", video_id)
    assert attempt == attempts, "every attempt is counted"
    folder = vigint.data_dir / "media" / "videos" / video_id
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    # The received file has a random part in its name.
    kept = sorted(re.sub(r"^[0-9a-f]{8}-", "", name) for name in found)
    made = [
        f"a{attempts}/{name}"
        for name in ("incident.mp4", "poster.jpg", "sprite.jpg", "thumbnail.jpg")
    ]
    assert kept == [*made, "frames.zip"]


def test_a_killed_ffmpeg_is_no_fault_of_the_video(vigint: Installation, document: Document) -> None:
    encode = _in_mid_encode(vigint, document(80, "1280x720"))
    os.kill(encode.ffmpeg, signal.SIGKILL)
    _finished_once(vigint, encode, attempts=2)


def test_killed_workers_and_work_horses_are_replaced_and_their_work_is_done(
    vigint: Installation, document: Document
) -> None:
    # Both wait for their leases to expire; waiting for them together halves the time.
    of_horse = _in_mid_encode(vigint, document(80, "1280x720"))
    os.kill(of_horse.horse, signal.SIGKILL)
    wait_until(lambda: parent_of(of_horse.ffmpeg) is None, "ffmpeg dies with its work-horse")
    of_worker = _in_mid_encode(vigint, document(80, "1280x720"))
    os.kill(of_worker.worker, signal.SIGKILL)
    wait_until(lambda: parent_of(of_worker.horse) is None, "the horse dies with its worker")
    wait_until(lambda: parent_of(of_worker.ffmpeg) is None, "ffmpeg dies with both")
    _finished_once(vigint, of_horse, attempts=2)
    _finished_once(vigint, of_worker, attempts=2)


def test_a_video_that_kills_every_ffmpeg_fails_with_a_text_mail(
    vigint: Installation, document: Document
) -> None:
    encode = _in_mid_encode(vigint, document(80, "1280x720"))
    killed = {encode.ffmpeg}
    os.kill(encode.ffmpeg, signal.SIGKILL)

    def given_up() -> bool:
        for pid in set(vigint.encoders()) - killed:
            if freeze(pid):
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
        return bool(vigint.status(encode.accepted)["done"])

    wait_until(given_up, "it is given up", _WITHIN)
    ended = vigint.status(encode.accepted)
    assert ended["state"] == "failed", ended
    assert ended["error"], "a sentence says why"
    assert len(killed) >= 2, "it was tried again"
    [delivery] = ended["deliveries"]
    assert (delivery["state"], delivery["kind"]) == ("sent", "text_only")
    assert len(vigint.mails(ended["reference"])) == 1
