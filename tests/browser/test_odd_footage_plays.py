"""Damaged, late, jumping and inconsistent files play from 0 to their end, with the stated
duration.
"""

from pathlib import Path
from typing import Any

from tests.browser.conftest import Windows
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.odd_footage import ODD, whole_clip

_KINDS = {"hole.mp4", "cut.mp4", "hour.mp4", "jump.mkv", "unknown-sound.avi", "two-sizes.mp4"}
# Plays at eight times the speed and reports the end.
_PLAY = """
async (address) => {
  const video = document.createElement("video");
  video.muted = true;
  return await new Promise((done) => {
    const tell = (how) => done({
      how, duration: video.duration, reached: video.currentTime,
      pictures: video.getVideoPlaybackQuality().totalVideoFrames,
    });
    video.addEventListener("ended", () => tell("ended"));
    video.addEventListener("error", () => tell(video.error.message));
    video.addEventListener("loadedmetadata", () => {
      video.playbackRate = 8;
      video.play();
    });
    video.src = address;
  });
}
"""


def test_odd_files_play_to_their_end(vigint: Installation, window: Windows, tmp_path: Path) -> None:
    odd = {one.name: one for one in ODD if one.name in _KINDS}
    whole = whole_clip(tmp_path)
    for one in odd.values():
        one.make(whole, tmp_path / one.name)
    sent = [(name, (tmp_path / name).read_bytes()) for name in odd]
    assert vigint.session().upload(*sent).status == 200

    def settled() -> list[Any]:
        rows = vigint.sql("SELECT original_name, status, public_id, duration FROM videos")
        rows = [row for row in rows if row[0] in odd]
        done = len(rows) == len(odd) and {row[1] for row in rows} <= {"ready", "failed"}
        return rows if done else []

    rows = wait_until(settled, "all are processed", 300)
    assert [row[0] for row in rows if row[1] != "ready"] == []
    page = window(logged_in=True)
    page.goto("/account")
    problems = []
    for name, _, public_id, duration in rows:
        seen = page.evaluate(_PLAY, f"/videos/{public_id}/stream?view=1")
        if seen["how"] != "ended" or abs(seen["reached"] - duration) > 0.2:
            problems.append(f"{name}, of {duration} s: {seen}")
        if abs(duration - odd[name].seconds) > 0.5 or seen["pictures"] < odd[name].pictures[0]:
            problems.append(f"{name}: {seen} of {odd[name].seconds} s")
    assert not problems, "\n".join(problems)
