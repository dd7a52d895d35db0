"""The list of sources: filtered, sorted and paged, by keys that insertions do not shift."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, select

from tests.helpers import Person, renew
from tests.library import Library
from vigint_web.extensions import db
from vigint_web.http.pages.paging import sorted_cursor
from vigint_web.i18n.collation import sort_key
from vigint_web.models import Role, Source, Tag, Video, VideoKind, source_tags
from vigint_web.services.accounts import sites
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.keyset_pagination import SORTED_TOP, Mark, SortedCursor, Value
from vigint_web.services.core.transactions import transaction
from vigint_web.services.sources.listing import SORTS, Sorting, SourceFilter, SourceList

pytestmark = pytest.mark.both_databases(reason="searches, sorting and cursors")

START = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("Été", "ete", "caméra 2", "Caméra 10", "Quai", "", "شارع", "a~b", "Z")
NONSENSE = (
    *("x", "~", "~x", "~0", "1~99999999999", "nan~3", "x~3", "2026~", "~²", "1e400~2", "1~-2"),
    *("2026-03-01T00:00:00~3", "0001-01-01T00:00:00+14:00~3", "9" * 30 + "~x"),
)
ORDERS = [Sorting(by, falls) for by, falls in product(SORTS, (False, True))]


def _row(
    number: int,
    *,
    name: str = "Quai",
    size: int | None = 1,
    duration: float | None = 1.0,
    recorded: int | None = None,
    site_id: int = 1,
    **video: object,
) -> dict[str, object]:
    """Return the values from which `_put` creates a source."""
    return {
        "id": number,
        "name": name,
        "video": {
            "id": number,
            "public_id": f"vid_{number}",
            "site_id": site_id,
            "kind": VideoKind.SOURCE,
            "status": "ready",
            "created_at": START + timedelta(hours=number // 2),
            "original_name": f"film_{number}.mp4",
            "original_size": size,
            "duration": duration,
            "recorded_at": None if recorded is None else START + timedelta(days=recorded),
            "stored_size": 10 + number,
            **video,
        },
    }


def _put(rows: Sequence[dict[str, object]]) -> None:
    with transaction() as session:
        for row in rows:
            video = dict(row["video"])  # type: ignore[call-overload]  # made above
            session.execute(insert(Video).values(**video))
            session.execute(
                insert(Source).values(
                    id=row["id"],
                    source_id=f"file_{row['id']}",
                    site_id=video["site_id"],
                    video_id=video["id"],
                    name=row["name"],
                    description="",
                    created_at=video["created_at"],
                )
            )


def _clear() -> None:
    with transaction() as session:
        session.execute(delete(Source))
        session.execute(delete(Video))
    db.session.expunge_all()


def _plain(order: Sorting) -> list[int]:
    """Return the ids in list order: unknown values last, in either direction."""
    values: dict[str, Callable[[Source], Any]] = {
        "added": lambda source: source.video.created_at,
        "name": lambda source: source.sort_name,
        "size": lambda source: source.video.original_size,
        "duration": lambda source: source.video.duration,
        "recorded": lambda source: source.video.recorded_at,
    }
    value = values[order.by]
    every = db.session.scalars(select(Source)).all()
    known = sorted(
        (source for source in every if value(source) is not None),
        key=lambda source: (value(source), source.video_id),
        reverse=order.descending,
    )
    unknown = sorted(
        (source.video_id for source in every if value(source) is None), reverse=order.descending
    )
    return [source.video_id for source in known] + unknown


def _down(order: Sorting, size: int, place: SortedCursor = SORTED_TOP) -> list[list[int]]:
    found = []
    while True:
        page = SourceList(SYSTEM).page(order, place, size)
        found.append([source.video_id for source in page.rows])
        if page.next is None:
            return found
        place = SortedCursor(before=page.next)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.none() | st.integers(0, 3),
            st.none() | st.sampled_from([0.0, 1.5, 1 / 3]),
            st.none() | st.integers(0, 2),
        ),
        max_size=14,
    ),
    size=st.integers(1, 5),
)
def test_every_order_is_that_of_a_plain_list_down_and_up_again(
    app: Flask, rows: list[tuple[str, int | None, float | None, int | None]], size: int
) -> None:
    sites.default_site()
    _clear()
    _put(
        [
            _row(number, name=name, size=bytes_, duration=seconds, recorded=day)
            for number, (name, bytes_, seconds, day) in enumerate(rows, 1)
        ]
    )
    for order in ORDERS:
        plain = _plain(order)
        down = _down(order, size)
        assert [number for page in down for number in page] == plain, order
        assert all(len(page) == size for page in down[:-1]), order
        # Back from the last page.
        place = SORTED_TOP
        for _ in down[:-1]:
            following = SourceList(SYSTEM).page(order, place, size).next
            assert following is not None
            place = SortedCursor(before=following)
        page = SourceList(SYSTEM).page(order, place, size)
        steps = 0
        while page.previous is not None:
            page = SourceList(SYSTEM).page(order, SortedCursor(after=page.previous), size)
            steps += 1
        assert [source.video_id for source in page.rows] == plain[:size], order
        assert steps <= len(down)


def test_what_is_added_or_gone_meanwhile_moves_no_row_to_another_page(app: Flask) -> None:
    sites.default_site()
    rows = [
        _row(number, name=NAMES[number % 5], size=number % 3 or None, duration=number / 7)
        for number in range(1, 13)
    ]
    fresh = [_row(20, name="aaa", size=9, duration=0.01), _row(21, name="zzz", size=1)]
    for order in ORDERS:
        _clear()
        _put(rows)
        before = _plain(order)
        first = SourceList(SYSTEM).page(order, size=5)
        assert first.next is not None
        gone = first.next.id  # the very row after which the next page begins
        with transaction() as session:
            session.execute(delete(Source).where(Source.video_id == gone))
            session.execute(delete(Video).where(Video.id == gone))
        _put(fresh)
        renew()
        seen = [source.video_id for source in first.rows]
        seen += [n for page in _down(order, 5, SortedCursor(before=first.next)) for n in page]
        assert [number for number in seen if number < 20] == before, order


def test_names_are_sorted_as_people_expect(app: Flask) -> None:
    sites.default_site()
    names = ["zèbre", "Zebra", "caméra 10", "Caméra 2", "étage", "Escalier", "CAMÉRA 1"]
    _put([_row(number, name=name) for number, name in enumerate(names, 1)])
    found = [source.name for source in SourceList(SYSTEM).page(Sorting("name", False)).rows]
    assert found == ["CAMÉRA 1", "Caméra 2", "caméra 10", "Escalier", "étage", "Zebra", "zèbre"]
    assert sort_key("x" * 300) == "x" * 255


@pytest.fixture
def shelf(app: Flask) -> dict[str, int]:
    """Provide thirty sources of two sites, with cameras and tags; return the ids for filters."""
    first, second = sites.default_site().id, sites.get_or_add_site("second").id
    _put(
        [
            _row(
                number,
                name=f"Vidéo {number}",
                size=number,
                site_id=second if number % 5 == 0 else first,
                status=("ready", "failed", "processing", "uploading", "ready")[number % 5],
                format="avi" if number % 2 else "mp4",
            )
            for number in range(1, 31)
        ]
    )
    with transaction() as session:
        camera = camera_of(first, "Quai nord")
        tag = Tag(site_id=first, name="Nuit")
        session.add(tag)
        session.flush()
        session.execute(
            insert(source_tags), [{"source_id": n, "tag_id": tag.id} for n in (1, 2, 3, 14)]
        )
        for number in (2, 3, 4):
            session.get_one(Source, number).camera_id = camera.id
        source = session.get_one(Source, 7)
        source.description, source.name = "Après la pluie", "ÉLÉPHANT"
    return {"camera": camera.id, "second": second, "first": first}


def _numbers(wanted: SourceFilter, actor: Actor = SYSTEM) -> list[int]:
    found = SourceList(actor, wanted)
    numbers = {
        (order.by, order.descending): sorted(row.video_id for row in found.page(order).rows)
        for order in ORDERS
    }
    assert len({tuple(ids) for ids in numbers.values()}) == 1, "an order shows other rows"
    ids = numbers["added", True]
    assert found.sum().number == len(ids)
    assert found.sum().size == sum(10 + number for number in ids)
    return ids


def test_filters_narrow_every_order_and_the_sum(app: Flask, shelf: dict[str, int]) -> None:
    every = range(1, 31)
    assert _numbers(SourceFilter()) == list(every)
    assert _numbers(SourceFilter(state="failed")) == [n for n in every if n % 5 == 1]
    assert _numbers(SourceFilter(state="preparing")) == [n for n in every if n % 5 in {2, 3}]
    assert _numbers(SourceFilter(state="nonsense")) == []
    assert _numbers(SourceFilter(format="avi")) == [n for n in every if n % 2]
    assert _numbers(SourceFilter(site_id=shelf["second"])) == [5, 10, 15, 20, 25, 30]
    assert _numbers(SourceFilter(camera_id=shelf["camera"])) == [2, 3, 4]
    assert _numbers(SourceFilter(camera_id=999)) == []
    assert _numbers(SourceFilter(tag="Nuit")) == [1, 2, 3, 14]
    assert _numbers(SourceFilter(tag="Jour")) == []
    assert _numbers(SourceFilter(tag="Nuit", camera_id=shelf["camera"])) == [2, 3]
    assert _numbers(SourceFilter(tag="Nuit", format="avi", state="failed")) == [1]
    since, until = START + timedelta(hours=2), START + timedelta(hours=4)
    assert _numbers(SourceFilter(since=since, until=until)) == [4, 5, 6, 7]


def test_words_are_found_wherever_they_are(app: Flask, shelf: dict[str, int]) -> None:
    """In any case and with or without accents; every word, each in any of the fields."""
    for text, found in (
        ("elephant", [7]),
        ("ÉLÉ", [7]),
        ("pluie eleph", [7]),
        ("film_12", [12]),
        ("FILE_12", [12]),
        ("nuit", [1, 2, 3, 14]),
        ("nuit film_1", [1, 14]),
        ("100%", []),
        ("_", list(range(1, 31))),
        ("video 3", [3, 13, 23, 30]),
    ):
        assert _numbers(SourceFilter(text=text)) == found, text


def test_many_are_found_as_few_are(
    app: Flask, shelf: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With either query, chosen by the number of rows, the result is the same."""
    wanted = [
        SourceFilter(camera_id=shelf["camera"]),
        SourceFilter(tag="Nuit", format="avi"),
        SourceFilter(text="video", state="ready"),
        SourceFilter(state="failed", site_id=shelf["first"]),
    ]
    few = [_numbers(one) for one in wanted]
    monkeypatch.setattr("vigint_web.services.sources.listing._FEW", 1)
    assert [_numbers(one) for one in wanted] == few
    assert all(few)


def test_nobody_sees_or_counts_another_sites(app: Flask, shelf: dict[str, int]) -> None:
    stranger = Actor("stranger", site_ids=frozenset({shelf["second"]}))
    assert _numbers(SourceFilter(), stranger) == [5, 10, 15, 20, 25, 30]
    for wanted in (
        SourceFilter(tag="Nuit"),
        SourceFilter(camera_id=shelf["camera"]),
        SourceFilter(text="elephant"),
        SourceFilter(site_id=shelf["first"]),
    ):
        assert _numbers(wanted, stranger) == []
    assert _numbers(SourceFilter(), Actor("nobody", site_ids=frozenset())) == []


def test_a_page_asks_a_handful_of_questions(
    app: Flask, shelf: dict[str, int], people: Callable[[Role], Person]
) -> None:
    """Independent of the number of rows: no query per row."""
    browser = people(Role.OPERATOR).browser
    asked: list[str] = []

    def count(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        assert browser.get("/source-management/?sort=size&tag=Nuit").status_code == 200
        one = len(asked)
        asked.clear()
        assert browser.get("/source-management/?sort=size").status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", count)
    assert len(asked) <= one + 2
    assert len(asked) < 25, asked


def _followed(browser: object, path: str, direction: str = "next") -> tuple[list[str], str]:
    """Follow pages until the last; return the entries, and the last page."""
    seen: list[str] = []
    while True:
        page = browser.get(path).text  # type: ignore[attr-defined]  # a FlaskClient
        seen += re.findall(r'<tr data-part="(file_\d+)"', page)
        link = re.search(rf'rel="{direction}" href="([^"]+)"', page)
        if link is None:
            return seen, page
        path = unescape(link.group(1))


def test_the_pages_lead_to_each_other_and_keep_what_was_asked(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    sites.default_site()
    _put(
        [
            _row(n, name=NAMES[n % 9] or "–", size=n % 4 or None, duration=None, recorded=n % 3)
            for n in range(1, 121)
        ]
    )
    browser = people(Role.VIEWER).browser
    for sort in ("name", "-size", ""):
        order = Sorting(sort.removeprefix("-") or "added", sort.startswith("-") or not sort)
        seen, last = _followed(browser, f"/source-management/?q=film_&state=ready&sort={sort}")
        assert seen == [f"file_{number}" for number in _plain(order)]
        back = re.search(r'rel="prev" href="([^"]+)"', last)
        assert back is not None
        assert "q=film_" in back.group(1)
        up, _ = _followed(browser, unescape(back.group(1)), "prev")
        assert up[-50:] == seen[:50]
        assert "120 sources" in last.replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_the_address_says_what_is_shown_and_one_link_clears_it(
    app: Flask, shelf: dict[str, int], people: Callable[[Role], Person]
) -> None:
    browser = people(Role.ADMIN).browser
    page = browser.get(
        f"/source-management/?q=video&state=ready&format=avi&from=2026-03-01&tag=Nuit&sort=-size"
        f"&camera={shelf['camera']}&site={shelf['first']}"
    ).text
    for chosen in ("ready", "avi", "Nuit", "-size", str(shelf["camera"]), str(shelf["first"])):
        assert f'<option value="{chosen}" selected>' in page
    assert 'value="2026-03-01"' in page
    assert 'data-part="nothing"' in page
    assert 'href="/source-management/"' in page
    assert 'aria-sort="descending"' in browser.get("/source-management/?sort=-size").text


def test_marks_are_readable_and_nonsense_is_the_top(
    app: Flask, shelf: dict[str, int], people: Callable[[Role], Person]
) -> None:
    marks = (Mark(10485760, 17), Mark(None, 17), Mark(START, 3), Mark(1 / 3, 2), Mark("a~b", 9))
    kinds: tuple[type[Value], ...] = (int, int, datetime, float, str)
    assert [str(mark) for mark in marks[:3]] == [
        "10485760~17", "~17", "2026-03-01T00:00:00+00:00~3",
    ]  # fmt: skip
    for mark, kind in zip(marks, kinds, strict=True):
        with app.test_request_context(query_string={"before": str(mark)}):
            assert sorted_cursor(kind, known=kind is str) == SortedCursor(before=mark)
    for text in NONSENSE:
        for kind in kinds:
            with app.test_request_context(query_string={"after": text}):
                assert sorted_cursor(kind, known=kind is str).is_top or kind is str, text
    browser = people(Role.VIEWER).browser
    top, _ = _followed(browser, "/source-management/")
    assert _followed(browser, "/source-management/?before=x~3")[0] == top


def test_what_a_row_says(app: Flask, library: Library, people: Callable[[Role], Person]) -> None:
    source = library.source(name="شارع النصر", stored_size=4096)
    page = people(Role.VIEWER).browser.get("/source-management/").text
    assert f"<bdi>{source.name}</bdi>" in page
    assert 'name="source"' not in page, "a viewer has nothing to do with many"
    operator = people(Role.OPERATOR).browser.get("/source-management/").text
    assert f'value="{source.source_id}"' in operator
