"""All links of a recipient end at once, in every window that plays one of them."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.browser.polls import Polls, give_a_clock, stop_the_clock
from tests.functional.installation import Installation, text_of
from tests.functional.processes import wait_until
from tests.helpers import Footage, incident_document

LOST = "telephone-perdu@example.com"
OTHER = "autre@example.com"
REASON = "Téléphone perdu"


def _mailed_links(vigint: Installation, clip: bytes) -> dict[str, str]:
    """Post an incident; return the links that were mailed, by their recipients."""
    document = incident_document([], recipients=[LOST, OTHER])
    ended = vigint.finished(vigint.post(document, video=clip))
    assert ended["state"] == "ready", ended
    found = {}
    for mail in vigint.mails(ended["reference"]):
        link = re.search(r"Lien privé sécurisé: (\S+)", text_of(mail))
        assert link, text_of(mail)
        found[str(mail["To"])] = link.group(1)
    return found


def _seconds(page: Page) -> float:
    return float(page.evaluate("document.querySelector('video').currentTime"))


def _expect_to_play(page: Page) -> None:
    before = _seconds(page)
    wait_until(lambda: _seconds(page) > before, "the video plays")


def test_all_links_of_a_recipient_stop_playing_within_five_seconds(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    clip = footage.clip("minute.mp4", seconds=60).read_bytes()
    mailed = [_mailed_links(vigint, clip) for _ in range(3)]
    ours, other = [links[LOST] for links in mailed], mailed[0][OTHER]
    players = [window(size=PHONE, expected=("410",)) for _ in ours]
    bystander = window(size=PHONE)
    polls = [Polls(page, "/state") for page in players]
    for page in players:
        give_a_clock(page)
    for page, link in zip([*players, bystander], [*ours, other], strict=True):
        page.goto(link.replace(vigint.served_url, vigint.url))
        page.click("#play")
    for page in (*players, bystander):
        _expect_to_play(page)

    desk = window(logged_in=True)
    desk.goto(f"/links/revoke?recipient={LOST}")
    expect(desk.locator("tbody tr")).to_have_count(3)
    desk.fill("#reason", REASON)
    for page in players:
        stop_the_clock(page)
    desk.click("main form button[type=submit]")
    expect(desk).to_have_url(f"{vigint.url}/links/")
    for page, asked in zip(players, polls, strict=True):
        asked.seconds_until(page.locator("#ended"), 5)
        expect(page.locator("#ended")).to_contain_text("révoqué")
        expect(page.locator("video")).to_be_hidden()
        assert not page.evaluate("document.querySelector('video').hasAttribute('src')")
    _expect_to_play(bystander)

    rows = vigint.sql(
        "SELECT revoked_by, revoked_reason FROM links WHERE recipient = ? ORDER BY id", LOST
    )
    assert {reason for _, reason in rows} == {REASON}
    assert len(rows) == 3
    assert vigint.sql("SELECT count(*) FROM links WHERE revoked_reason = ?", REASON) == [(3,)]
