"""Many files over bad connections: queue, cuts, pauses, resuming, folders, duplicates, names."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import page_checks
from tests.browser.conftest import PHONE, Windows
from tests.browser.uploading import (
    ADD,
    expect_state,
    forget_work,
    give,
    large,
    row,
    send,
    sent,
    slow,
    stored,
)
from tests.functional.installation import ADMIN, Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage

MEGABYTE = 1_000_000
CUT = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "ERR_CONNECTION")


@pytest.fixture
def big(footage: Footage, tmp_path: Path) -> Path:
    """Provide a clip of some megabytes that no other test sends."""
    return large(footage.clip("court.mp4"), tmp_path / f"{tmp_path.name}.mp4", 5 * MEGABYTE)


def test_twenty_files_with_a_bad_one(
    vigint: Installation, window: Windows, footage: Footage, tmp_path: Path
) -> None:
    clip = footage.clip("court.mp4").read_bytes()
    files = [tmp_path / f"cam {number:02d}.mp4" for number in range(20)]
    for number, file in enumerate(files):
        file.write_bytes(clip + number.to_bytes(4, "big"))
    files[3].write_text("Ceci n’est pas une vidéo.\n" * 200)
    page = window(logged_in=True)
    with vigint.stopped_workers():
        page.goto(ADD)
        give(page, *files)
        expect(page.locator("#queue-title")).to_contain_text("20 fichiers")
        page.click("[data-start]")
        moved = page.locator(".queue-row:is([data-state=received], [data-state=processing])")
        expect(moved).to_have_count(20)
        expect(page.locator("#queue-title")).to_have_text("Tout est reçu")
        for file in (files[0], files[19]):
            source = stored(vigint, file.name)
            assert source["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        forget_work(vigint, but=files[3].name)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    bad = row(page, files[3].name)
    expect(bad).to_contain_text("n’est pas une vidéo")
    expect(bad.locator("a")).to_have_attribute("href", re.compile("file_"))


def test_what_is_cut_paused_and_left_goes_on_from_where_it_was(
    vigint: Installation, window: Windows, big: Path
) -> None:
    page = window(logged_in=True, expected=CUT)
    with vigint.stopped_workers():
        page.goto(ADD)
        with slow(page, 3 * MEGABYTE) as limit:
            give(page, big)
            page.click("[data-start]")
            wait_until(lambda: sent(page) > 0.15, "some of it is sent")
            limit(MEGABYTE // 20)  # a busy machine takes seconds for each of the next steps
            expect(page).to_have_title(re.compile(r"^\d+\s%"))
            _cannot_leave(page)

            page.context.set_offline(True)
            expect_state(page.locator(".queue-row"), "interrupted")
            expect(page.locator("[data-lost]")).to_be_visible()
            page.context.set_offline(False)
            expect_state(page.locator(".queue-row"), "sending")
            expect(page.locator("[data-lost]")).to_be_hidden()
            expect(page.locator("[data-about]")).to_contain_text("repris à")

            page.locator("[data-act]").click()
            expect_state(page.locator(".queue-row"), "paused")
            assert page.evaluate("document.activeElement.dataset.act") == "resume"
            _may_leave(page)
            page.keyboard.press("Enter")
            expect_state(page.locator(".queue-row"), "sending")
            before = sent(page)
            wait_until(lambda: sent(page) > before, "it goes on")
            page.locator("[data-act]").click()
        page.reload()
        unfinished = page.locator("#unfinished li")
        expect(unfinished).to_contain_text(big.name)
        give(page, big)
        expect(page.locator("#unfinished")).to_be_hidden()
        expect_state(page.locator(".queue-row"), "received", "processing")
        source = stored(vigint, big.name)
        assert source["sha256"] == hashlib.sha256(big.read_bytes()).hexdigest()
        assert page.evaluate("localStorage.length") == 0
        forget_work(vigint)
    assert len(vigint.sql("SELECT 1 FROM videos WHERE original_name = ?", big.name)) == 1


def _cannot_leave(page: Page) -> None:
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.close(run_before_unload=True)
    wait_until(lambda: bool(page.title() and asked), "the browser asks")
    assert asked == ["beforeunload"]


def _may_leave(page: Page) -> None:
    prevented = """() => {
      const leaving = new Event("beforeunload", { cancelable: true });
      dispatchEvent(leaving);
      return leaving.defaultPrevented;
    }"""
    assert not page.evaluate(prevented)


def test_a_whole_folder_is_dropped(
    vigint: Installation, window: Windows, footage: Footage, tmp_path: Path
) -> None:
    folder = tmp_path / "ronde"
    (folder / "cam 1").mkdir(parents=True)
    (folder / "cam 2").mkdir()
    for name in ("cam 1", "cam 2"):
        (folder / name / "0001.mp4").write_bytes(footage.clip("court.mp4").read_bytes())
    (folder / "notes.txt").write_text("notes")
    (folder / "vide.mp4").touch()
    (folder / ".DS_Store").write_text("x")
    page = window(logged_in=True)
    page.goto(ADD)
    wire = page.context.new_cdp_session(page)
    place = {"x": 600, "y": 500}
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver"):
        wire.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    expect(page.locator("#drop-cover")).to_be_visible()
    wire.send("Input.dispatchDragEvent", {"type": "drop", **place, "data": data})
    expect(page.locator("#drop-cover")).to_be_hidden()
    expect(page.locator(".queue-row .queue-file")).to_have_text(["ronde/cam 1/", "ronde/cam 2/"])
    expect(page.locator("#upload-says")).to_have_text("2 fichiers ajoutés. 3 fichiers écartés.")
    left = page.locator("[data-left-out-list]")
    for text in (
        "ronde/notes.txt – Ce fichier ne semble pas être une vidéo.",
        "ronde/vide.mp4 – Ce fichier est vide.",
        "ronde/.DS_Store – Fichier caché ou système.",
    ):
        expect(left).to_contain_text(text)
    page.keyboard.press("Tab")
    row(page, "cam 1").locator("[data-x]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".queue-row")).to_have_count(1)
    assert page.evaluate("document.activeElement.closest('.queue-row') !== null")


def test_names_description_and_tags_travel_with_the_files(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(size=PHONE, logged_in=True)
    with vigint.stopped_workers():
        page.goto(ADD)
        give(page, footage.clip("nommée.mp4"), footage.clip("autre.mp4"))
        page.click("#upload-details > summary")
        page.fill("#description", "Ronde de nuit\nétage 2")
        page.fill("#tags", "nuit, étage 2")
        page.fill("#source-id", "porte-2")
        row(page, "nommée.mp4").locator("[data-rename]").click()
        page.keyboard.type("Entrée nord")
        page.keyboard.press("Enter")
        expect(page.locator(".queue-row .queue-file").first).to_have_text("nommée.mp4")
        page.click("[data-start]")
        for name in ("nommée.mp4", "autre.mp4"):
            expect_state(row(page, name), "received", "processing")
        named, other = stored(vigint, "nommée.mp4"), stored(vigint, "autre.mp4")
        assert (named["name"], other["name"]) == ("Entrée nord", "autre")
        assert named["source_id"] == "porte-2"
        assert other["source_id"] != "porte-2", "an id is the first file's alone"
        assert named["description"] == other["description"] == "Ronde de nuit\nétage 2"
        tags = vigint.sql(
            "SELECT tags.name FROM tags JOIN source_tags ON tag_id = tags.id"
            " JOIN sources ON sources.id = source_tags.source_id WHERE sources.source_id = ?"
            " ORDER BY 1",
            named["source_id"],
        )
        assert tags == [("nuit",), ("étage 2",)]
        forget_work(vigint)


def test_an_id_that_is_taken_is_said_and_another_one_is_tried(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(size=PHONE, logged_in=True, expected=("409",))
    first, second = (footage.clip(f"{name}.mp4") for name in ("premier", "second"))
    with vigint.stopped_workers():
        for clip, states in ((first, ["received", "processing"]), (second, ["failed"])):
            page.goto(ADD)
            give(page, clip)
            page.click("#upload-details > summary")
            page.fill("#source-id", "quai-1")
            page.click("[data-start]")
            expect_state(row(page, clip.name), *states)
        expect(row(page, second.name)).to_contain_text("porte déjà cet identifiant")
        page.fill("#source-id", "quai-2")
        row(page, second.name).locator("[data-act]").click()
        expect_state(row(page, second.name), "received", "processing")
        assert stored(vigint, second.name)["source_id"] == "quai-2"
        forget_work(vigint)


def test_of_what_is_stored_already_one_keeps_both_or_deletes_one(
    vigint: Installation, window: Windows, footage: Footage, tmp_path: Path
) -> None:
    # Of a size that no other test uploads: the bytes must be new here.
    first = footage.clip("première.mp4", seconds=1, size="324x244")
    copies = [tmp_path / "copie 1.mp4", tmp_path / "copie 2.mp4"]
    for copy in copies:
        copy.write_bytes(first.read_bytes())
    # The state of a file may be polled at the moment of its deletion.
    page = window(logged_in=True, expected=("status of 404",))
    with vigint.stopped_workers():
        send(page, first)
        expect_state(page.locator(".queue-row"), "received", "processing")
        known = stored(vigint, first.name)["source_id"]
        give(page, *copies)
        page.click("[data-start]")
        one, two = (row(page, copy.name) for copy in copies)
        for copied in (one, two):
            notice = copied.locator("[data-notice]")
            expect(notice).to_contain_text("déjà enregistré")
            expect(notice.locator("a").first).to_have_attribute(
                "href", f"/source-management/{known}/"
            )
        one.locator("[data-keep]").click()
        expect(one.locator("[data-notice]")).to_be_hidden()
        two.locator("[data-remove]").click()
        expect_state(two, "removed")
        _look_right(page)
        kept = vigint.sql("SELECT keeps_duplicate FROM sources WHERE name = 'copie 1'")
        assert kept == [(1,)]
        assert vigint.sql("SELECT 1 FROM sources WHERE name = 'copie 2'") == []
        forget_work(vigint)


def test_a_beginning_whose_answer_is_lost_makes_no_second_source(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(logged_in=True, expected=CUT)
    lost: list[int] = []

    def lose(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/api/v1/uploads/", lose)
    clip = footage.clip("perdue.mp4")
    with vigint.stopped_workers():
        send(page, clip)
        expect_state(row(page, clip.name), "received", "processing")
        assert lost == [201]
        found = vigint.sql("SELECT status FROM videos WHERE original_name = ?", clip.name)
        assert found == [("processing",)]
        forget_work(vigint)


def _look_right(page: Page) -> None:
    wrong = [*page_checks.accessibility(page)]
    for width in page_checks.WIDTHS:
        page_checks.look(page, "dark" if width < 700 else "light", width)
        wrong += [f"{width}: {problem}" for problem in page_checks.layout(page)]
    assert not wrong, "\n".join(wrong)


def test_a_session_that_ends_in_the_middle_loses_nothing(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(expected=("status of 401",))
    _log_in(page, vigint)
    [(newest,)] = vigint.sql("SELECT max(id) FROM user_sessions")
    with vigint.stopped_workers():
        page.goto(ADD)
        give(page, footage.clip("garde.mp4"))
        vigint.sql("DELETE FROM user_sessions WHERE id = ?", newest)
        page.click("[data-start]")
        expect(page.locator("[data-logged-out]")).to_be_visible()
        with page.expect_popup() as opened:
            page.click("[data-log-in]")
        other = opened.value
        _log_in(other, vigint)
        other.close()
        page.evaluate("dispatchEvent(new Event('focus'))")
        expect_state(page.locator(".queue-row"), "received", "processing")
        expect(page.locator("[data-logged-out]")).to_be_hidden()
        forget_work(vigint)


def _log_in(page: Page, vigint: Installation) -> None:
    if "/login" not in page.url:
        page.goto("/login")
    page.fill("#email", ADMIN)
    page.fill("#password", vigint.password)
    page.press("#password", "Enter")
    page.wait_for_url(re.compile(r"/(source-management/.*)?$"))


def test_what_was_begun_elsewhere_is_offered_and_can_be_forgotten(
    vigint: Installation, window: Windows, big: Path
) -> None:
    page = window(logged_in=True, expected=(*CUT, "status of 404"))
    page.goto(ADD)
    with slow(page, MEGABYTE):
        give(page, big)
        page.click("[data-start]")
        wait_until(lambda: sent(page) > 0.05, "some of it is sent")
        page.click("[data-pause-all]")
        expect(page.locator("[data-resume-all]")).to_be_visible()
    english = window(logged_in=True, locale="en-US")
    english.goto(ADD)
    kept = re.compile(r"kept until \d{1,2} [A-Z][a-z]+ at \d\d:\d\d$")
    expect(english.locator("#unfinished [data-about]")).to_have_text(kept)
    other = window(logged_in=True)
    other.goto(ADD)
    offered = other.locator("#unfinished li")
    expect(offered).to_contain_text(big.name)
    with other.expect_file_chooser() as asked:
        offered.locator("[data-choose]").click()
    wrong = big.with_name("autre nom.mp4")
    wrong.write_bytes(b"x")
    asked.value.set_files(wrong)
    expect(other.locator("[data-flash=bad]")).to_contain_text("Ce n’est pas le fichier")
    offered.locator("[data-forget]").click()
    expect(other.locator("#upload-question")).to_contain_text("déjà sur le serveur")
    other.click("#upload-question [data-yes]")
    expect(other.locator("#unfinished")).to_be_hidden()
    assert vigint.sql("SELECT 1 FROM videos WHERE original_name = ?", big.name) == []
    # The window that began it finds it gone, and starts again.
    with slow(page, MEGABYTE):
        page.click("[data-resume-all]")
        wait_until(lambda: 0 < sent(page) < 0.5, "it begins anew")
        page.click("[data-cancel-all]")
        page.click("#upload-question [data-yes]")
        expect_state(page.locator(".queue-row"), "cancelled")
    wait_until(
        lambda: not vigint.sql("SELECT 1 FROM videos WHERE original_name = ?", big.name),
        "what was sent is deleted",
    )


def test_a_refused_file_waits_for_a_person_and_a_server_at_its_limit_is_asked_again(
    vigint: Installation, window: Windows, footage: Footage, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("refusé.mp4", "occupé.mp4", "autre.mp4")]
    for number, file in enumerate(files):
        file.write_bytes(footage.clip("court.mp4").read_bytes() + bytes([number]))
    page = window(logged_in=True, expected=("status of 422", "status of 503"))
    answers = [(422, "Ce nom ne convient pas."), (503, "Le serveur redémarre.")]

    def refuse(route: Route) -> None:
        if route.request.method != "POST" or not answers:
            route.continue_()
            return
        status, sentence = answers.pop(0)
        route.fulfill(status=status, json={"error": sentence, "code": "refused"})

    page.route("**/api/v1/uploads/", refuse)
    with vigint.stopped_workers():
        send(page, *files)
        refused, busy, other = (row(page, file.name) for file in files)
        expect_state(refused, "failed")
        expect(refused).to_contain_text("Ce nom ne convient pas.")
        for found in (busy, other):
            expect_state(found, "received", "processing")
        assert page.evaluate("document.activeElement.id") == "queue-title", "nothing to pause"
        refused.locator("[data-act]").focus()
        page.keyboard.press("Enter")
        expect_state(refused, "received", "processing")
        assert refused.evaluate("(element) => element.contains(document.activeElement)")
        forget_work(vigint)


def test_pauses_between_tries_grow_and_figures_are_those_of_people(window: Windows) -> None:
    page = window(logged_in=True)
    page.goto(ADD)
    figures = page.evaluate(
        """async () => {
          const base = document.querySelector("script[src*='js/upload']").src;
          const load = (name) => import(new URL(name, base).href);
          const { pauseBefore } = await load("upload-queue.js");
          const { Pace, Figures, secondsLeft } = await load("upload-figures.js");
          const pace = new Pace();
          for (let at = 0; at <= 5000; at += 100) pace.moved(100_000, at);
          const steady = pace.rate(5000);
          const stalled = pace.rate(12_000);
          const words = new Figures("fr", ["o", "ko", "Mo", "Go"]);
          return {
            pauses: [1, 2, 3, 6, 60].map((tries) => pauseBefore(tries, 0, 1)),
            least: pauseBefore(1, 0, 0),
            asked: [pauseBefore(1, 5000, 1), pauseBefore(1, 3_600_000, 1)],
            steady, stalled,
            unknown: new Pace().rate(0),
            left: [secondsLeft(0, 0), secondsLeft(10, 0), secondsLeft(10, 5)],
            sizes: [0, 999, 1_234_567, 250_000_000, 5_400_000_000].map((n) => words.size(n)),
            times: [1, 40, 61, 3600, 5400].map((n) => words.time(n)),
          };
        }"""
    )
    assert figures["pauses"] == [1000, 2000, 4000, 30_000, 30_000]
    assert figures["least"] == 600
    assert figures["asked"] == [5000, 60_000]
    assert 950_000 < figures["steady"] < 1_050_000
    assert figures["stalled"] < figures["steady"] / 2
    assert figures["unknown"] is None
    assert figures["left"] == [0, None, 2]
    assert _plain(figures["sizes"]) == ["0 o", "999 o", "1,2 Mo", "250 Mo", "5,4 Go"]
    assert _plain(figures["times"]) == [
        "5 secondes", "40 secondes", "1 minute", "60 minutes", "1,5 heure",
    ]  # fmt: skip


def test_a_file_is_known_again_only_where_nobody_has_to_guess(window: Windows) -> None:
    page = window(logged_in=True)
    page.goto(ADD)
    found = page.evaluate(
        """async () => {
          const base = document.querySelector("script[src*='js/upload']").src;
          const { Store } = await import(new URL("upload-store.js", base).href);
          const memory = new Store("test");
          const file = (size, lastModified = 1) =>
            new File([new Uint8Array(size)], "0001.mp4", { lastModified });
          const find = (one, folder = "", open = () => true) => memory.find(one, folder, open);
          memory.remember(file(5), "cam 1", "/1");
          const alone = [find(file(5), "cam 1"), find(file(5)), find(file(5), "cam 2")];
          const others = [find(file(6)), find(file(5, 2)), find(file(5), "", () => false)];
          memory.remember(file(5), "cam 2", "/2");
          const two = [find(file(5), "cam 1"), find(file(5), "cam 2"), find(file(5))];
          const stranger = new Store("other").find(file(5), "cam 1", () => true);
          memory.keepOnly(["/2"]);
          const rest = [find(file(5)), memory.of("/1") ?? null];
          memory.forget("/2");
          return { alone, others, two, stranger, rest, left: localStorage.length };
        }"""
    )
    assert found == {
        "alone": ["/1", "/1", None],
        "others": [None, None, None],
        "two": ["/1", "/2", None],
        "stranger": None,
        "rest": ["/2", None],
        "left": 0,
    }


def _plain(texts: list[str]) -> list[str]:
    return [text.replace("\u202f", " ").replace("\xa0", " ") for text in texts]


def test_a_double_click_on_upload_cancels_nothing(
    vigint: Installation, window: Windows, big: Path
) -> None:
    page = window(logged_in=True)
    page.goto(ADD)
    give(page, big)
    with vigint.stopped_workers(), slow(page, MEGABYTE):
        place = page.locator("[data-start]").bounding_box()
        assert place
        at = (place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        page.mouse.dblclick(*at)
        for button in page.locator(".queue-buttons button:visible").all():
            # The second click of a double click does not hit the button that replaced the first.
            button.dispatch_event("click")
        expect_state(page.locator(".queue-row"), "waiting", "checking", "sending")
        expect(page.locator("#upload-question")).to_be_hidden()
        page.click("[data-cancel-all]")
        expect(page.locator("#upload-question")).to_be_visible()
        page.click("#upload-question [data-yes]")
        expect_state(page.locator(".queue-row"), "cancelled")
    wait_until(
        lambda: not vigint.sql("SELECT 1 FROM videos WHERE original_name = ?", big.name),
        "no source is left",
    )
