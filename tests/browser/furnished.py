"""An installation with the content of a state, and a logged-in user."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Page

from tests.browser.places import Place
from tests.functional.installation import Installation
from tests.helpers import Footage
from tests.leases import kept_leases
from tests.populated import Filled, fill, opened
from tests.populated_people import ADMIN, GUARDED, PASSWORD
from tests.populated_words import State

if TYPE_CHECKING:
    from tests.browser.conftest import Windows


@dataclass
class Furnished:
    """A running installation, its content, and the browser's login state."""

    state: State
    installation: Installation
    filled: Filled
    logins: dict[str, Any]

    def open(self, windows: "Windows", place: Place, **more: Any) -> Page:
        """Open a page and perform its action; check its status."""
        page = windows(
            expected=place.complaints, storage_state=self.logins.get(place.visitor), **more
        )
        if place.is_mail:
            # Where it is shown no script may run, not even a checker's: tested separately.
            mail = page.request.get(place.address(self.filled))
            assert mail.status == place.status
            page.set_content(mail.text())
            return page
        answer = page.goto(place.address(self.filled), wait_until="load")
        if place.act is not None:
            place.act(page)
        else:
            assert answer is not None, "the browser went nowhere"
            assert answer.status == place.status, f"{place.name}: {answer.status}"
        return page


@dataclass
class Houses:
    """Provide the installation of a state; only one of them runs at a time, so use them state by
    state.
    """

    furnish: Callable[[State], AbstractContextManager[Furnished]]
    _open: AbstractContextManager[Furnished] | None = None
    _running: Furnished | None = None

    def of(self, state: State) -> Furnished:
        """Return the running installation of a state."""
        if self._running is None or self._running.state != state:
            self.close()
            self._open = self.furnish(state)
            self._running = self._open.__enter__()
        return self._running

    def close(self) -> None:
        """Stop the running installation."""
        if self._open is not None:
            self._open.__exit__(None, None, None)
        self._open = self._running = None


@contextmanager
def furnished(
    state: State, folder: Path, footage: Footage, chromium: Browser, queue_url: str
) -> Iterator[Furnished]:
    """Fill an installation and run it.

    Args:
        queue_url: receives the jobs of filling, which are never run.
    """
    installation = Installation(folder)
    settings = {
        "VIGINT_DATA_DIR": str(installation.data_dir),
        "VIGINT_BASE_URL": installation.url,
        "VIGINT_REDIS_URL": queue_url,
    }
    installation.data_dir.mkdir()
    with opened(settings):
        filled = fill(state, footage)
    with kept_leases(installation):
        installation.start()
        try:
            logins = {"admin": log_in_to(chromium, installation.url, ADMIN)}
            if filled.recovery_code:
                guarded = log_in_to(chromium, installation.url, GUARDED, filled.recovery_code)
                logins["guarded"] = guarded
            yield Furnished(state, installation, filled, logins)
        finally:
            installation.end()


def log_in_to(chromium: Browser, url: str, email: str, code: str = "") -> Any:
    context = chromium.new_context(base_url=url)
    page = context.new_page()
    page.goto("/login")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    if code:
        page.fill("#code", code)
        page.press("#code", "Enter")
    page.wait_for_url(f"{url}/")
    kept = context.storage_state()
    context.close()
    return kept
