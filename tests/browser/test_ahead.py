"""The incident that follows is loaded before the decision, and neither read nor played by that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, Windows
from tests.functional.installation import Installation

Post = Callable[..., dict[str, Any]]

# The number of videos whose beginning was loaded ahead.
_BUFFERED = """() => {
  const loaded = performance.getEntriesByType("resource").map((one) => one.name);
  return new Set(loaded.filter((name) => name.includes("ahead=1"))).size;
}"""
_EVENTS = (
    "SELECT action FROM audit_events JOIN videos ON subject = 'video:' || public_id"
    " JOIN incidents ON incidents.video_id = videos.id"
    " WHERE reference = ? AND action IN ('video:played', 'video:prefetched')"
    " ORDER BY audit_events.id"
)


@dataclass
class _Gate:
    """Hold the decisions that a page sends, until it is opened."""

    page: Page
    is_open: bool = False
    held: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.route("**/decide**", self._handle)

    def _handle(self, route: Route) -> None:
        if self.is_open:
            route.continue_()
        else:
            self.held.append(route)

    def open(self) -> None:
        """Send what is held, and from now on everything at once."""
        self.is_open = True
        for route in self.held:
            route.continue_()


def _open(page: Page, reference: str, word: str) -> None:
    """Open an incident of a list, and wait until the one that follows was loaded."""
    with page.expect_response(lambda answer: answer.request.headers.get("x-vigint-ahead") == "1"):
        page.goto(f"/incidents/{reference}/?q={word}&state=new")
    _wait_until_buffered(page, 1)


def _wait_until_buffered(page: Page, videos: int) -> None:
    page.wait_for_function(f"videos => ({_BUFFERED})() === videos", arg=videos)


def _events(vigint: Installation, reference: str) -> list[str]:
    return [str(action) for (action,) in vigint.sql(_EVENTS, reference)]


def _is_read(vigint: Installation, reference: str) -> bool:
    read = "SELECT 1 FROM incident_reads JOIN incidents ON id = incident_id WHERE reference = ?"
    return bool(vigint.sql(read, reference))


def test_the_next_incident_is_shown_before_the_decision_is_answered(
    window: Windows, vigint: Installation, post: Post
) -> None:
    third, second, first = (post(message="Devance")["reference"] for _ in range(3))
    page = window(logged_in=True)
    _open(page, first, "Devance")
    assert not _is_read(vigint, second), "it is not read before it is shown"
    assert _events(vigint, second) == ["video:prefetched"]
    gate = _Gate(page)
    page.keyboard.press("c")
    page.wait_for_url(f"**/incidents/{second}/**")
    expect(page.locator(".detail-head h1")).to_have_attribute("title", f"Vol à l'étalage, {second}")
    expect(page.locator("#undo")).to_have_count(0)
    assert len(gate.held) == 1, "the decision was not answered yet"
    page.wait_for_function("() => performance.getEntriesByName('vigint:decided').length === 1")
    gate.open()
    expect(page.locator("#undo")).to_be_visible()
    assert vigint.sql("SELECT state FROM incidents WHERE reference = ?", first) == [("confirmed",)]
    assert _is_read(vigint, second)
    # It plays by itself, and that is recorded.
    page.wait_for_function("() => document.querySelector('[data-player] video').ended")
    assert _events(vigint, second) == ["video:prefetched", "video:played"]
    page.keyboard.press("u")
    page.wait_for_url(f"**/incidents/{first}/**")
    assert not _is_read(vigint, third)


def test_a_decision_that_is_refused_is_shown_after_all(
    window: Windows, vigint: Installation, post: Post
) -> None:
    second, first = (post(message="Refus")["reference"] for _ in range(2))
    page = window(logged_in=True)
    _open(page, first, "Refus")
    gate = _Gate(page)
    page.keyboard.press("c")
    page.wait_for_url(f"**/incidents/{second}/**")
    # Only now: a page that already shows what another person decided has nothing to confirm.
    vigint.sql("UPDATE incidents SET state = 'closed' WHERE reference = ?", first)
    gate.open()
    expect(page.locator("#flashes")).to_contain_text("Rien n’a été modifié")
    page.wait_for_url(f"**/incidents/{first}/**")
    assert vigint.sql("SELECT state FROM incidents WHERE reference = ?", second) == [("new",)]


def test_decisions_that_are_faster_than_their_answers_are_all_recorded(
    window: Windows, vigint: Installation, post: Post
) -> None:
    third, second, first = (post(message="Rafale")["reference"] for _ in range(3))
    page = window(logged_in=True)
    _open(page, first, "Rafale")
    gate = _Gate(page)
    page.keyboard.press("c")
    page.wait_for_url(f"**/incidents/{second}/**")
    _wait_until_buffered(page, 2)
    page.keyboard.press("c")
    page.wait_for_url(f"**/incidents/{third}/**")
    assert len(gate.held) == 1, "one after the other"
    gate.open()
    expect(page.locator("#undo")).to_be_visible()
    states = "SELECT state FROM incidents WHERE reference IN (?, ?)"
    assert vigint.sql(states, first, second) == [("confirmed",), ("confirmed",)]


def test_on_a_phone_too_and_not_where_data_is_saved(
    window: Windows, vigint: Installation, post: Post
) -> None:
    third, second, first = (post(message="Econome")["reference"] for _ in range(3))
    page = window(logged_in=True, size=PHONE, has_touch=True)
    _open(page, first, "Econome")
    page.evaluate("window.stillHere = true")
    page.locator("#confirm").tap()
    page.wait_for_url(f"**/incidents/{second}/**")
    expect(page.locator("#undo")).to_be_visible()
    assert page.evaluate("window.stillHere"), "the page was loaded anew"
    saving = window(logged_in=True)
    saving.add_init_script(
        "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
    )
    with saving.expect_response(lambda answer: answer.request.headers.get("x-vigint-ahead") == "1"):
        saving.goto(f"/incidents/{second}/?q=Econome&state=new")
    saving.keyboard.press("c")
    saving.wait_for_url(f"**/incidents/{third}/**")
    assert not saving.evaluate(_BUFFERED)
