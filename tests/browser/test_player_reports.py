"""The player's clock follows the video, whatever pictures the browser reports, and when."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import Windows
from tests.functional.installation import Installation
from tests.helpers import Footage

# The first picture is reported once the browser seeks already; the next ones not at all.
_REPORTS_LATE = """
HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
  if (this.hasReported) return 1;
  this.hasReported = true;
  // Behind the listeners of the player.
  setTimeout(() => this.addEventListener("seeking", () => callback(0, { mediaTime: 0 })));
  return 1;
};
"""


def test_an_old_picture_that_is_reported_late_does_not_hold_the_clock(
    window: Windows,
    vigint: Installation,
    post: Callable[..., dict[str, Any]],
    footage: Footage,
) -> None:
    ended = post(video=footage.clip("late-report.mp4", seconds=20).read_bytes())
    vigint.sql(
        "UPDATE videos SET recorded_at = '2026-11-21 13:30:05.000000' WHERE public_id = ?",
        ended["video_id"],
    )
    page = window(logged_in=True)
    page.add_init_script(_REPORTS_LATE)
    page.goto(f"/incidents/{ended['reference']}/")
    page.locator("[data-vp=seek]").fill("7")
    page.wait_for_function(
        "() => { const [v] = document.getElementsByTagName('video');"
        " return v.currentTime === 7 && !v.seeking; }"
    )
    expect(page.locator("[data-vp=clock]")).to_have_attribute(
        "datetime", "2026-11-21T13:30:12.000Z"
    )
