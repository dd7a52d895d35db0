"""Count a page's polls, with a clock controlled by the test."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Request

# Tells a page that it is hidden, or visible, like the browser does.
HIDE = """hidden => {
  Object.defineProperty(document, "visibilityState", {
    configurable: true, get: () => (hidden ? "hidden" : "visible"),
  });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
_OPENED = datetime(2026, 9, 25, 12, tzinfo=UTC)


class Polls:
    """Count the requests of a page for one kind of address."""

    def __init__(self, page: Page, ending: str) -> None:
        self.count = 0
        self.most_at_once = 0
        self._page, self._ending = page, ending
        self._under_way: set[Request] = set()
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def _begin(self, request: Request) -> None:
        if urlsplit(request.url).path.endswith(self._ending):
            self.count += 1
            self._under_way.add(request)
            self.most_at_once = max(self.most_at_once, len(self._under_way))

    def _end(self, request: Request) -> None:
        self._under_way.discard(request)

    def during(self, seconds: int) -> int:
        """Advance a stopped clock, with all answers arriving; return the number of requests."""
        before = self.count
        for _ in range(seconds):
            self._page.clock.run_for(1000)
            # All requests are answered before the next second begins.
            while self._under_way:
                self._page.wait_for_timeout(10)
            self._page.evaluate("new Promise((done) => done())")
        return self.count - before

    def seconds_until(self, shown: Locator, most: int) -> int:
        """Advance a stopped clock until an element is visible; return the seconds."""
        for passed in range(most + 1):
            if shown.is_visible():
                return passed
            self.during(1)
        raise AssertionError(f"it does not show within {most} s of the page's clock")


def give_a_clock(page: Page) -> None:
    """Install a controllable clock in a page, which runs until it is stopped."""
    page.clock.install(time=_OPENED)


def stop_the_clock(page: Page) -> None:
    """Stop the clock of a page."""
    page.clock.pause_at(_OPENED + timedelta(hours=1))


def open_with_a_clock_that_stands(page: Page, path: str, ending: str = "/live") -> Polls:
    """Open a page with a stopped clock, independent of the machine's speed."""
    give_a_clock(page)
    stop_the_clock(page)
    polls = Polls(page, ending)
    page.goto(path)
    return polls
