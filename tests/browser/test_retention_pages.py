"""A shorter retention for an administrator: shown on the home page, confirmed, then applied."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from tests.browser import page_checks
from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.browser.furnished import log_in_to
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage
from tests.populated import fill, opened
from tests.populated_people import ADMIN
from tests.populated_words import STATES
from vigint_web.extensions import db
from vigint_web.models import Video, VideoKind
from vigint_web.services.core.transactions import transaction

WAIT = 40_000


@pytest.fixture
def shortened(tmp_path: Path, footage: Footage, queue_server: str) -> Iterator[Installation]:
    """Run an installation whose videos are kept for 30 days, with 7 in the configuration."""
    installation = Installation(tmp_path, VIGINT_RETENTION_DAYS="7")
    settings = {
        "VIGINT_DATA_DIR": str(installation.data_dir),
        "VIGINT_BASE_URL": installation.url,
        "VIGINT_REDIS_URL": queue_server,
    }
    installation.data_dir.mkdir()
    with opened(settings):
        fill(STATES["little"], footage)
        with transaction():
            for video in db.session.scalars(select(Video).where(Video.kind != VideoKind.SOURCE)):
                video.created_at -= timedelta(days=10)
                video.purge_at = video.created_at + timedelta(days=30)
    installation.start()
    yield installation
    installation.end()


def _home(page: Page) -> None:
    page.goto("/")
    expect(page.locator("[data-part='retention-days']")).to_be_visible(timeout=WAIT)


def test_a_shorter_retention_is_shown_asked_and_done(
    chromium: Browser, shortened: Installation
) -> None:
    windows = Windows(chromium, shortened.url, log_in_to(chromium, shortened.url, ADMIN))
    for size in (PHONE, DESKTOP):
        page = windows(size=size, logged_in=True)
        _home(page)
        found = []
        for scheme in ("light", "dark"):
            page_checks.look(page, scheme, size[0])
            found += [*page_checks.accessibility(page), *page_checks.layout(page)]
            found += page_checks.targets(page)
        assert not found, "\n".join(found)
        notice = page.locator("[data-part='retention-days']")
        expect(notice).to_contain_text("7 jours, au lieu de 30 jours")
        expect(notice).to_contain_text("vidéos seraient supprimées aussitôt")
        notice.get_by_text("Réduire maintenant").first.click()
        asked = page.get_by_role("dialog")
        expect(asked).to_contain_text("Ce qui est supprimé ne peut pas être rétabli.")
        asked.get_by_role("button", name="Annuler").click()

    notice.get_by_text("Ne rien changer").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Ne rien changer").click()
    expect(page.locator("[data-part='retention-days']")).to_contain_text(f"{ADMIN} a choisi")
    assert _incident_videos(shortened) > 0

    page.get_by_text("Réduire maintenant").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Réduire").click()
    expect(page.locator(".toasts")).to_contain_text("La durée de conservation réduite")
    expect(page.locator("[data-part='retention-days']")).to_have_count(0)
    wait_until(lambda: _incident_videos(shortened) == 0, "the purge of what is older", 120)
    windows.close()


def _incident_videos(installation: Installation) -> int:
    [[count]] = installation.sql(
        "SELECT count(*) FROM videos WHERE kind != 'source' AND status IN ('ready', 'failed')"
    )
    return int(count)
