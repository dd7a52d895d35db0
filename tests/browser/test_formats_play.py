"""Uploaded formats play in a browser: with the right size, rotation and colours, and sound."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Windows
from tests.format_samples import CORNERS, FORMATS, SECONDS, Format, make
from tests.functional.installation import Installation
from tests.functional.processes import wait_until

_SAMPLE = {"phone-90-h264.mp4", "h264-pcm.mov", "xvid-mp3.avi", "vp8-vorbis.webm"}
# Plays a little, seeks to two seconds, and reports the picture there.
_WATCH = """
async (address) => {
  const video = document.createElement("video");
  video.muted = true;
  const wait = (name) => new Promise((done, failed) => {
    video.addEventListener(name, done, { once: true });
    video.addEventListener("error", () => failed(new Error(video.error.message)), { once: true });
    setTimeout(() => failed(new Error(`no ${name} of ${address}`)), 15000);
  });
  const loaded = wait("loadeddata");
  video.src = address;
  await loaded;
  await video.play();
  while (video.currentTime < 0.3) await wait("timeupdate");
  const played = video.currentTime;
  video.pause();
  const sought = wait("seeked");
  video.currentTime = 2;
  await sought;
  const canvas = document.createElement("canvas");
  const [width, height] = [video.videoWidth, video.videoHeight];
  [canvas.width, canvas.height] = [width, height];
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  drawn.drawImage(video, 0, 0, width, height);
  const [left, top] = [Math.floor(width / 8), Math.floor(height / 8)];
  const places = [[left, top], [width - left, top], [width - left, height - top],
    [left, height - top]];
  return {
    width, height, played, duration: video.duration,
    corners: places.map(([x, y]) => [...drawn.getImageData(x, y, 1, 1).data].slice(0, 3)),
    sound: video.webkitAudioDecodedByteCount,
  };
}
"""


def _play(forms: Sequence[Format], vigint: Installation, page: Page, folder: Path) -> None:
    person = vigint.session()
    names = {form.name: form for form in forms}
    # Another test of this installation may have uploaded files of the same names.
    [(before,)] = vigint.sql("SELECT coalesce(max(id), 0) FROM videos")
    for at in range(0, len(forms), 10):
        batch = [(form.name, make(form, folder).read_bytes()) for form in forms[at : at + 10]]
        assert person.upload(*batch).status == 200

    def settled() -> list[Any]:
        rows = vigint.sql(
            "SELECT original_name, status, public_id FROM videos WHERE id > ?", before
        )
        rows = [row for row in rows if row[0] in names]
        done = len(rows) == len(names) and {row[1] for row in rows} <= {"ready", "failed"}
        return rows if done else []

    rows = wait_until(settled, "all are processed", 30 + 10 * len(names))
    assert [row[0] for row in rows if row[1] != "ready"] == []
    page.goto("/account")
    problems = []
    for name, _, public_id in rows:
        seen = page.evaluate(_WATCH, f"/videos/{public_id}/stream?view=1")
        problems += [f"{name}: {problem}" for problem in _problems(names[name], seen)]
    assert not problems, "\n".join(problems)


def _problems(form: Format, seen: dict[str, Any]) -> list[str]:
    found = []
    if max(abs(seen["width"] - form.size[0]), abs(seen["height"] - form.size[1])) > 2:
        found.append(f"{seen['width']}x{seen['height']} instead of {form.size}")
    if abs(seen["duration"] - SECONDS) > 0.2:
        found.append(f"lasts {seen['duration']} s")
    if seen["played"] < 0.3:
        found.append("does not move")
    if (seen["sound"] > 0) != (form.audio_codec is not None):
        found.append(f"{seen['sound']} bytes of sound")
    for corner, (word, colour) in zip(seen["corners"], CORNERS.items(), strict=True):
        if any(abs(a - b) > form.colour_error + 15 for a, b in zip(corner, colour, strict=True)):
            found.append(f"{word} is {corner}")
    return found


def test_a_sample_of_formats_plays(vigint: Installation, window: Windows, tmp_path: Path) -> None:
    _play(
        [form for form in FORMATS if form.name in _SAMPLE], vigint, window(logged_in=True), tmp_path
    )


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_every_format_plays(vigint: Installation, window: Windows, tmp_path: Path) -> None:
    _play(FORMATS, vigint, window(logged_in=True), tmp_path)
