"""Open pages update automatically: quickly, and with little load on the server."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Windows
from tests.browser.polls import HIDE, open_with_a_clock_that_stands
from tests.browser.uploading import open_source
from tests.functional.installation import ADMIN, Installation
from tests.helpers import Footage, incident_document

Post = Callable[..., dict[str, Any]]


def _log_in(page: Page, vigint: Installation) -> None:
    page.goto("/login")
    page.fill("#email", ADMIN)
    page.fill("#password", vigint.password)
    page.press("#password", "Enter")
    page.wait_for_url(f"{vigint.url}/")


def _mark(page: Page) -> None:
    """Mark this document: a reload would remove the mark."""
    page.evaluate("window.stillHere = true")


def _is_the_same(page: Page) -> bool:
    return bool(page.evaluate("window.stillHere === true"))


def test_a_new_incident_appears_with_its_picture_and_is_announced(
    window: Windows, post: Post
) -> None:
    # Their frames are older than what other tests post.
    known = post(message="Portail nord ouvert")
    page = window(logged_in=True)
    page.goto("/incidents/?q=Portail+nord")
    _mark(page)
    page.locator("#filters > summary").click()
    search = page.locator("#q")
    search.fill("à moitié")
    search.focus()
    fresh = post(message="Portail nord ouvert")
    row = page.locator(f".inbox-row[data-part='{fresh['reference']}']")
    expect(page.locator("#live-says")).to_have_text("1 nouvel incident")
    # It is inserted once somebody asks for it.
    page.evaluate("document.querySelector('#arrived').click()")
    expect(row.locator("a")).to_have_attribute("title", re.compile(fresh["reference"]))
    names = page.locator(".inbox-row").evaluate_all("all => all.map((one) => one.dataset.part)")
    assert names.index(known["reference"]) == names.index(fresh["reference"]) + 1
    picture = row.locator("img")
    expect(picture).to_be_visible()
    picture.scroll_into_view_if_needed()
    page.wait_for_function("picture => picture.naturalWidth > 0", arg=picture.element_handle())
    expect(search).to_have_value("à moitié")
    assert _is_the_same(page), "the page was loaded anew"


def test_the_focus_stays_on_a_row_whose_words_change(
    window: Windows, vigint: Installation, footage: Footage
) -> None:
    page = window(logged_in=True)
    with vigint.stopped_workers():
        document = incident_document(footage.frames(12), recipients=[])
        accepted = vigint.post({**document, "message": "Ronde du soir"})
        page.goto("/incidents/?q=Ronde+du+soir")
        row = page.locator(f".inbox-row[data-part='{accepted['reference']}']")
        expect(row).to_contain_text("Traitement")
        row.locator("a").focus()
    expect(row).not_to_contain_text("Traitement")
    expect(row.locator("a")).to_be_focused()


def test_an_empty_list_becomes_a_list(window: Windows, post: Post) -> None:
    page = window(logged_in=True)
    page.goto("/incidents/?q=Alerte+incendie+du+silo")
    expect(page.locator("[data-part=nothing]")).to_be_visible()
    post(message="Alerte incendie du silo")
    expect(page.locator(".inbox-row")).to_have_count(1)
    expect(page.locator("#live-says")).to_have_text("1 nouvel incident")
    expect(page.locator("[data-part=nothing]")).to_have_count(0)


def test_a_source_is_followed_on_its_page_and_in_the_list(
    window: Windows, footage: Footage
) -> None:
    page = window(logged_in=True)
    clip = footage.clip("suivi.mkv", seconds=4)
    other = window(logged_in=True)
    other.goto("/source-management/")
    source_id = open_source(page, clip)
    expect(page.locator("#live [data-live]")).to_have_attribute("data-status", "ready")
    expect(page.locator("#live-says")).to_have_text("La vidéo est prête.")
    row = other.locator(f"tr[data-part='{source_id}']")
    expect(row).to_contain_text("Prête")


def test_a_question_that_is_open_stays_open_while_the_rest_goes_on(
    vigint: Installation, window: Windows, post: Post
) -> None:
    link = post()["mailed_link"]
    page = window(logged_in=True)
    page.goto(f"/links/{vigint.link_id(link)}/")
    page.click("#revoke > summary")
    reason = page.locator("dialog[open] input[name=reason]")
    reason.fill("Envoyé par err")
    reader = window()
    reader.goto(link)
    requests = page.locator("[data-part=accesses] tbody tr")
    expect(requests).not_to_have_count(0)
    expect(page.locator("dialog[open]")).to_be_visible()
    expect(reason).to_be_focused()
    expect(reason).to_have_value("Envoyé par err")
    page.keyboard.type("eur")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Envoyé par erreur")


def test_a_hidden_page_asks_nothing_and_a_shown_one_at_once(window: Windows, post: Post) -> None:
    page = window(logged_in=True)
    polls = open_with_a_clock_that_stands(page, "/incidents/?q=Grille+est")
    assert polls.during(60) in range(4, 9), "a quiet page asks every ten seconds or so"
    page.evaluate(HIDE, True)
    assert polls.during(120) == 0, "a hidden page asks nothing"
    fresh = post(message="Grille est forcée")
    page.evaluate(HIDE, False)
    assert polls.during(1) == 1, "a page that is shown asks at once"
    page.locator("#arrived").click()
    page.clock.run_for(1000)
    expect(page.locator(f".inbox-row[data-part='{fresh['reference']}']")).to_be_visible()
    assert polls.most_at_once == 1, "a page never asks twice at once"


def test_a_page_shown_again_and_again_asks_once_a_second_at_most(window: Windows) -> None:
    page = window(logged_in=True)
    polls = open_with_a_clock_that_stands(page, "/incidents/")
    for _ in range(5):
        before = polls.count
        for _ in range(10):
            page.evaluate(HIDE, True)
            page.evaluate(HIDE, False)
        assert polls.count == before, "a clock that stands lets it ask nothing"
        assert polls.during(1) <= 1
    assert polls.count > 0, "it is asked at all"
    assert polls.most_at_once == 1, "a page never asks twice at once"


def test_a_busy_page_asks_often_but_never_twice_at_once(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(logged_in=True)
    with vigint.stopped_workers():
        document = incident_document(footage.frames(12), recipients=[])
        vigint.post({**document, "message": "Quai sud occupé"})
        polls = open_with_a_clock_that_stands(page, "/incidents/?q=Quai+sud")
        assert polls.during(60) in range(20, 36)
    assert polls.most_at_once == 1


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [
        ("fr-FR", r"La connexion est perdue.* \d\d:\d\d\."),
        ("en-US", r"The connection is lost.* \d\d:\d\d\."),
    ],
)
def test_an_offline_page_asks_nothing_and_says_since_when(
    window: Windows, locale: str, sentence: str
) -> None:
    page = window(logged_in=True, locale=locale, expected=("ERR_INTERNET_DISCONNECTED",))
    polls = open_with_a_clock_that_stands(page, "/incidents/")
    page.context.set_offline(True)
    lost = page.locator("#live-lost")
    expect(lost).to_be_visible()
    expect(lost).to_have_text(re.compile(sentence))
    assert polls.during(120) == 0
    page.context.set_offline(False)
    assert polls.during(2) in {1, 2}
    expect(lost).to_be_hidden()


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[Installation]:
    """Provide an installation that a test may stop."""
    with Installation(tmp_path).lived_in("--workers", "1") as running:
        yield running


def test_a_server_that_dies_and_comes_back_is_found_again(
    chromium: Browser, fragile: Installation, footage: Footage
) -> None:
    windows = Windows(chromium, fragile.url)
    page = windows(expected=("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "503"))
    _log_in(page, fragile)
    page.goto("/incidents/")
    _mark(page)
    lost = page.locator("#live-lost")
    expect(lost).to_be_hidden()
    fragile.stop()
    expect(lost).to_be_visible()
    expect(page.locator("#live-says")).to_contain_text("La connexion est perdue")
    expect(page.locator("h1")).to_have_text("Incidents")
    fragile.start("--workers", "1")
    expect(lost).to_be_hidden()
    accepted = fragile.post(incident_document(footage.frames(12), recipients=[]))
    row = page.locator(f".inbox-row[data-part='{accepted['reference']}']")
    expect(row).to_be_visible()
    assert _is_the_same(page)
    complaints = [text for opened in windows.opened for text in opened.complaints]
    page.context.close()
    assert not complaints


def test_pauses_grow_while_nobody_answers(window: Windows) -> None:
    page = window(logged_in=True, expected=("503",))
    polls = open_with_a_clock_that_stands(page, "/incidents/")
    page.route("**/incidents/live**", lambda route: route.fulfill(status=503, body="no"))
    assert polls.during(600) in range(12, 24), "a minute apart in the end"
    expect(page.locator("#live-lost")).to_be_visible()
    page.unroute("**/incidents/live**")
    polls.during(61)
    expect(page.locator("#live-lost")).to_be_hidden()


def test_whoever_is_logged_out_elsewhere_comes_to_the_login(
    vigint: Installation, window: Windows
) -> None:
    page = window()
    _log_in(page, vigint)
    page.goto("/links/")
    vigint.sql("DELETE FROM user_sessions WHERE id = (SELECT max(id) FROM user_sessions)")
    page.wait_for_url("**/login?next=**")


# The script that updates parts, on pages made for it.
_UPDATE = """async ([before, after]) => {
  const address = document.querySelector("script[src*='/js/live.js']").src;
  const { update } = await import(address.replace("live.js", "morph.js"));
  const live = document.querySelector("#list");
  if (before !== null) live.innerHTML = `<div data-live>${before}</div>`;
  const changed = [];
  const listen = (event) => changed.push(event.detail.dataset.part);
  document.addEventListener("vigint:changed", listen);
  const parts = [...live.querySelectorAll("[data-part]")];
  const page = new DOMParser().parseFromString(`<div data-live>${after}</div>`, "text/html");
  const said = update(live.querySelector("[data-live]"), page.querySelector("[data-live]"));
  document.removeEventListener("vigint:changed", listen);
  const now = [...live.querySelectorAll("[data-part]")];
  return {
    said, changed,
    names: now.map((part) => part.dataset.part),
    kept: now.filter((part) => parts.includes(part)).map((part) => part.dataset.part),
    text: live.innerText,
  };
}"""


@dataclass
class Bench:
    """A page whose parts are updated from one fragment to another, without a reload."""

    page: Page

    def __call__(self, before: str | None, after: str) -> dict[str, Any]:
        """Return the announcement, which parts are new, which are the same, and the content."""
        return dict(self.page.evaluate(_UPDATE, [before, after]))


@pytest.fixture
def bench(window: Windows) -> Bench:
    """Provide a page without automatic updates."""
    page = window(logged_in=True)
    page.goto("/incidents/?q=nothing-of-the-kind")
    page.evaluate(HIDE, True)

    return Bench(page)


def _list(*names: str, **more: str) -> str:
    attributes = 'data-says-one="1 new" data-says-many="{number} new"'
    rows = "".join(f'<li data-part="{name}">{more.get(name, name)}</li>' for name in names)
    return f'<section data-part="list"><ul data-parts {attributes}>{rows}</ul></section>'


@pytest.mark.parametrize(
    ("before", "after", "announced"),
    [
        (("b", "a"), ("b", "a"), ""),
        (("b", "a"), ("c", "b", "a"), "1 new"),
        (("b", "a"), ("e", "d", "c", "b", "a"), "3 new"),
        # An older entry that fills a gap at the end is not news.
        (("c", "b"), ("b", "a"), ""),
        (("b", "a"), ("d", "c"), "2 new"),
        ((), ("a",), "1 new"),
        # Received late: listed among the known ones.
        (("c", "a"), ("c", "b", "a"), "1 new"),
        (("d", "a"), ("e", "d", "c", "b", "a"), "3 new"),
        (("c", "b", "a"), ("a", "b", "c"), ""),
        (("c", "b", "a"), (), ""),
    ],
)
def test_a_list_becomes_the_other(
    bench: Bench, before: tuple[str, ...], after: tuple[str, ...], announced: str
) -> None:
    done = bench(_list(*before), _list(*after))
    assert done["names"] == ["list", *after]
    assert done["said"] == announced
    assert set(done["kept"]) == {"list", *(set(before) & set(after))}, "what stays is not touched"
    assert done["changed"] == [name for name in after if name not in before]


def test_columns_hold_sections_that_hold_lists(bench: Bench) -> None:
    page = (
        '<div data-part="columns"><div data-parts>{}</div>'
        '<aside data-parts><p data-part="side">{}</p></aside></div>'
    )
    done = bench(page.format(_list("b", "a"), "old"), page.format(_list("c", "b", "a"), "new"))
    assert done["names"] == ["columns", "list", "c", "b", "a", "side"]
    assert done["kept"] == ["columns", "list", "b", "a"]
    assert done["changed"] == ["c", "side"]
    assert done["said"] == "1 new"
    # A removed section does not give its place to another one's list.
    done = bench(page.format(_list("a"), "old"), page.format("", "new"))
    assert done["names"] == ["columns", "side"]
    assert "new" in done["text"]


def test_what_a_script_built_stays_while_its_key_does(bench: Bench) -> None:
    part = '<div data-part="p">{}<div data-keep="{}">bare</div></div>'
    bench(part.format("one", "key"), part.format("one", "key"))
    bench.page.evaluate("document.querySelector('#list [data-keep]').textContent = 'built'")
    assert "built" in bench(None, part.format("one", "key"))["text"]
    assert "bare" in bench(None, part.format("one", "other"))["text"]


def test_only_the_row_that_changed_is_replaced(bench: Bench) -> None:
    done = bench(_list("b", "a"), _list("b", "a", b="other words"))
    assert done["changed"] == ["b"]
    assert done["kept"] == ["list", "a"]
    assert "other words" in done["text"]


def test_what_scripts_changed_is_no_change(bench: Bench) -> None:
    part = '<p data-part="p">one</p>'
    bench(part, part)
    bench.page.evaluate("document.querySelector('[data-part=p]').classList.add('lit')")
    assert bench(None, part)["changed"] == []
    assert bench(None, '<p data-part="p">two</p>')["changed"] == ["p"]


_USES = {
    "typing": ('<p data-part="p">{}<input id="i"></p>', "document.querySelector('#i').focus()"),
    "choosing": (
        '<p data-part="p">{}<select id="i"><option>x</select></p>',
        "document.querySelector('#i').focus()",
    ),
    "answering": (
        '<div data-part="p">{}<dialog id="d">?</dialog></div>',
        "document.querySelector('#d').showModal()",
    ),
    "asking": (
        '<div data-part="p">{}<details class="confirm"><summary>?</summary>!</details></div>',
        "document.querySelector('#list details').open = true",
    ),
    "selecting": (
        '<p data-part="p">{}</p>',
        "getSelection().selectAllChildren(document.querySelector('[data-part=p]'))",
    ),
}


@pytest.mark.parametrize("use", _USES)
def test_what_is_in_use_stays_until_it_is_not(bench: Bench, use: str) -> None:
    part, begin = _USES[use]
    bench(part.format("old"), part.format("old"))
    page = bench.page
    page.evaluate(begin)
    both = f'{part.format("new")}<p data-part="q">beside</p>'
    done = bench(None, both)
    assert "old" in done["text"]
    assert "beside" in done["text"], "the other parts go on"
    page.evaluate(
        "document.activeElement.blur(); getSelection().removeAllRanges();"
        "for (const d of document.querySelectorAll('#list dialog, #list details')) d.open = false;"
    )
    assert "new" in bench(None, both)["text"]


def test_a_focused_link_keeps_the_focus_and_a_picture_is_not_loaded_again(
    bench: Bench,
) -> None:
    page = bench.page
    dot = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/%3E"
    part = '<p data-part="p"><img src="' + dot + '" alt=""><a href="/links/">there</a> {}</p>'
    bench(part.format("old"), part.format("old"))
    page.evaluate("window.picture = document.querySelector('#list img')")
    page.focus("#list a")
    assert "new" in bench(None, part.format("new"))["text"]
    expect(page.locator("#list a")).to_be_focused()
    assert page.evaluate("window.picture === document.querySelector('#list img')")


def test_ticks_stay_and_what_is_written_is_not_lost(bench: Bench) -> None:
    page = bench.page
    part = (
        '<form data-part="p">{}<input type="checkbox" name="link" value="1">'
        '<input type="checkbox" name="link" value="2" checked></form>'
    )
    bench(part.format("old"), part.format("old"))
    for box in page.locator("#list input").all():
        box.click()
    page.evaluate("document.activeElement.blur()")
    assert "new" in bench(None, part.format("new"))["text"]
    ticked = [box.is_checked() for box in page.locator("#list input").all()]
    assert ticked == [True, False]
    part = '<form data-part="p">{}<textarea name="why"></textarea></form>'
    bench(part.format("old"), part.format("old"))
    page.fill("#list textarea", "À moitié écr")
    page.evaluate("document.activeElement.blur()")
    assert "old" in bench(None, part.format("new"))["text"]
    expect(page.locator("#list textarea")).to_have_value("À moitié écr")


def test_an_open_section_with_a_name_stays_open(bench: Bench) -> None:
    page = bench.page
    part = '<div data-part="p">{}<details id="more"><summary>?</summary>within</details></div>'
    bench(part.format("old"), part.format("old"))
    page.evaluate("document.querySelector('#more').open = true")
    done = bench(None, part.format("new"))
    assert "new" in done["text"]
    assert "within" in done["text"]


def test_a_source_that_is_deleted_leads_to_the_list(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    clip = footage.clip("court.mp4").read_bytes()
    with vigint.stopped_workers():
        assert vigint.session().upload(("à supprimer.mp4", clip)).status == 200
        [[source_id]] = vigint.sql(
            "SELECT source_id FROM sources JOIN videos ON videos.id = video_id"
            " WHERE original_name = ?", "à supprimer.mp4",
        )  # fmt: skip
        one, other = (window(logged_in=True, expected=("status of 404",)) for _ in range(2))
        for page in (one, other):
            page.goto(f"/source-management/{source_id}/")
        one.click("#delete summary")
        one.locator("#delete-dialog form button").last.click()
        # The window of the deletion, and one that detects it by its next poll.
        for page in (one, other):
            page.wait_for_url(re.compile(r"/source-management/$"))
