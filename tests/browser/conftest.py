"""A real Chromium in front of a real installation; any browser error fails the test."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from tests.browser.fonts import FONT_SETS, MissingFontError, font_environment
from tests.browser.furnished import Houses, furnished
from tests.functional.installation import ADMIN, Installation
from tests.helpers import Footage, incident_document

# The first has no window of its own to draw: a context costs it a quarter of the processor time.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--autoplay-policy=document-user-activation-required",
)
# Reports violations without a console message.
_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`);
});
"""
# Reached only when the condition never becomes true, even on a busy machine.
PATIENCE = 90_000  # milliseconds
expect.set_options(timeout=PATIENCE)
DESKTOP, PHONE = (1280, 800), (390, 844)


def missing(sentence: str) -> NoReturn:
    """Skip a test for a missing program, or fail where everything must run."""
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@dataclass
class Browsers:
    """Start the system's Chromium with selected fonts, one for each set."""

    playwright: Playwright
    folder: Path
    started: dict[str, Browser] = field(default_factory=dict)

    def with_fonts(self, name: str) -> Browser:
        """Return the browser with only the fonts of one of FONT_SETS."""
        if name not in self.started:
            program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
            if program is None:
                missing(f"There is no browser here: install one of {', '.join(_PROGRAMS)}.")
            try:
                environment = font_environment(self.folder / name, FONT_SETS[name])
            except MissingFontError as absent:
                missing(str(absent))
            self.started[name] = self.playwright.chromium.launch(
                executable_path=program, args=[*_ARGUMENTS], env={**environment}
            )
        return self.started[name]


@pytest.fixture(scope="session")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    """Provide the system's Chromium, by its fonts."""
    with sync_playwright() as playwright:
        browsers = Browsers(playwright, tmp_path_factory.mktemp("fonts"))
        yield browsers
        for browser in browsers.started.values():
            browser.close()


@pytest.fixture(scope="session")
def chromium(browsers: Browsers) -> Browser:
    """Provide the system's Chromium with the usual fonts."""
    return browsers.with_fonts("dejavu")


@pytest.fixture(scope="session")
def vigint(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Provide an installation that listens on all networks of this machine."""
    folder = tmp_path_factory.mktemp("browsed")
    with Installation(folder, host="0.0.0.0").lived_in() as running:  # noqa: S104
        yield running


@dataclass
class Window:
    """A page, and the browser's errors."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)


@dataclass
class Windows:
    """Open windows, and check them at the end of the test."""

    browser: Browser
    base: str
    logged_in: Any = None
    opened: list[Window] = field(default_factory=list)

    def __call__(
        self,
        *,
        size: tuple[int, int] = DESKTOP,
        logged_in: bool = False,
        expected: tuple[str, ...] = (),
        **more: Any,
    ) -> Page:
        """Return an empty window.

        Args:
            expected: parts of errors that belong to the test, such as "410".
        """
        context = self.browser.new_context(
            base_url=self.base,
            viewport={"width": size[0], "height": size[1]},
            **{
                "locale": "fr-FR",
                "storage_state": self.logged_in if logged_in else None,
                **more,
            },
        )
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        window = Window(page, context)
        hosts = {urlsplit(self.base).hostname}

        def complain(text: str) -> None:
            if not any(part in text for part in expected):
                window.complaints.append(text)

        def console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                complain(f"{message.type}: {message.text} ({urlsplit(page.url).path})")

        def request(asked: Request) -> None:
            address = urlsplit(asked.url)
            if asked.is_navigation_request():
                hosts.add(address.hostname)  # a test that opens a link on another own address
            if address.scheme in {"http", "https"} and address.hostname not in hosts:
                complain(f"request to {asked.url}")

        page.on("console", console)
        page.on("pageerror", lambda error: complain(f"script: {error}"))
        page.on("request", request)
        page.add_init_script(_TELL_VIOLATIONS)
        self.opened.append(window)
        return page

    def close(self) -> None:
        """Close all windows; none may have errors."""
        complaints = [text for window in self.opened for text in window.complaints]
        for window in self.opened:
            window.context.close()
        assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def _logged_in(chromium: Browser, vigint: Installation) -> Any:
    context = chromium.new_context(base_url=vigint.url)
    page = context.new_page()
    page.goto("/login")
    page.fill("#email", ADMIN)
    page.fill("#password", vigint.password)
    page.press("#password", "Enter")
    page.wait_for_url("**/")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def window(chromium: Browser, vigint: Installation, _logged_in: Any) -> Iterator[Windows]:
    """Provide a function that opens windows; at the end none may have errors."""
    windows = Windows(chromium, vigint.url, _logged_in)
    yield windows
    windows.close()


@pytest.fixture(scope="session")
def houses(
    chromium: Browser,
    footage: Footage,
    queue_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Houses]:
    """Provide filled installations, one after the other."""
    houses = Houses(
        lambda state: furnished(
            state, tmp_path_factory.mktemp(state.name), footage, chromium, queue_server
        )
    )
    yield houses
    houses.close()


@pytest.fixture
def post(vigint: Installation, footage: Footage) -> Callable[..., dict[str, Any]]:
    """Provide a function that posts an incident and returns its result, with the mailed link."""

    def do(count: int = 12, video: bytes | None = None, **more: Any) -> dict[str, Any]:
        recipients = ["garde@example.com"]
        document = incident_document(footage.frames(count), recipients=recipients, **more)
        ended = vigint.finished(vigint.post(document, video=video))
        assert ended["state"] == "ready", ended
        return {**ended, "mailed_link": vigint.mailed_link(ended["reference"])}

    return do
