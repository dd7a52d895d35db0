"""What is unfolded in the list of incidents follows what arrives, and moves nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Windows
from tests.functional.installation import Installation
from vigint_web.clock import utcnow

_PLACES = """() => [...document.querySelectorAll(
  ".inbox-row, .inbox-day, .inbox-late, .inbox-fold a, .inbox-late a"
)].filter((one) => one.checkVisibility()).map((one) => {
  const { top, height } = one.getBoundingClientRect();
  return [one.getAttribute("href") ?? one.dataset.part, top, height];
})"""


def _post(vigint: Installation, word: str, camera: str, **more: Any) -> str:
    facts = {"incident_type": word, "risk_level": "LOW", "camera": camera, **more}
    posted = vigint.post({"message": word, "incident_data": facts, "recipients": ["a@b.example"]})
    return str(posted["reference"])


def _places(page: Page) -> dict[str, Any]:
    """Return where rows and what is unfolded in them are, by names and addresses."""
    return {name: where for name, *where in page.evaluate(_PLACES)}


@pytest.fixture
def gathering(vigint: Installation) -> Iterator[None]:
    """Gather repeats, which this installation does not otherwise."""
    vigint.sql("UPDATE sites SET cooldown_seconds = 3600")
    yield
    vigint.sql("UPDATE sites SET cooldown_seconds = NULL")


@pytest.mark.usefixtures("gathering")
def test_repeats_that_arrive_are_added_to_an_open_fold(
    window: Windows, vigint: Installation
) -> None:
    _post(vigint, "Pliage", "Autre")
    first, *_repeats = (_post(vigint, "Pliage", "Pli") for _ in range(3))
    page = window(logged_in=True)
    page.goto("/incidents/?q=Pliage")
    fold = page.locator(f"#fold-{first}")
    fold.locator("summary").click()
    expect(fold.locator("a")).to_have_count(2)
    fourth = _post(vigint, "Pliage", "Pli")
    added = fold.locator(f"a[href*='{fourth}']")
    fold.locator("a").first.hover()
    before = _places(page)
    expect(added).to_have_count(1)
    after = _places(page)
    assert {name: after[name] for name in before} == before
    assert fold.evaluate("one => one.open")
    expect(fold.locator("summary")).to_be_focused()
    expect(fold.locator("summary")).to_contain_text("×4")
    added.scroll_into_view_if_needed()
    expect(added).to_be_in_viewport()
    fold.locator("summary").click()
    fold.locator("summary").click()
    expect(fold.locator("a")).to_have_count(3)
    assert not fold.locator("ol").get_attribute("style"), "it grows once it is opened again"


def test_the_open_block_of_late_arrivals_follows_and_stays_open(
    window: Windows, vigint: Installation
) -> None:
    def late(number: int) -> str:
        at = (utcnow() - timedelta(hours=3, minutes=number)).isoformat()
        return _post(vigint, "Retardée", f"Retard {number}", detected_at=at)

    late(1)
    decided = late(2)
    page = window(logged_in=True)
    page.goto("/incidents/")
    block = page.locator("#late")
    block.locator("summary").click()
    mine = block.locator(f"a[href*='{decided}']")
    expect(mine).to_be_visible()
    before = _places(page)
    other = window(logged_in=True)
    other.goto(f"/incidents/{decided}/")
    other.locator("#confirm").click()
    expect(mine).to_have_count(0)
    assert block.evaluate("one => one.open")
    after = _places(page)
    rows = {name: where for name, where in before.items() if name.startswith("INC")}
    assert {name: after[name] for name in rows} == rows
    fresh = late(3)
    page.locator("#arrived").click()
    expect(block.locator(f"a[href*='{fresh}']")).to_have_count(1)
    assert block.evaluate("one => one.open")
