"""Every page for people: no findings of axe-core, no overflow, nothing cut off."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.browser import page_checks
from tests.browser.conftest import Browsers, Windows
from tests.browser.fonts import FONT_SETS
from tests.browser.furnished import Furnished, Houses
from tests.browser.page_checks import WIDTHS
from tests.browser.places import ELSEWHERE, NO_PAGES, PLACES, Place
from tests.functional.web import Session
from tests.populated_people import ADMIN, PASSWORD
from tests.populated_words import STATES

Visit = tuple[str, Place]

EVERYWHERE = [*PLACES.all, *ELSEWHERE]
# Layouts break with long texts, full lists, and empty lists; a form is the same in every state.
LISTS = {"home", "incidents", "sources", "links", "link-program", "outbox", "keys", "people"}
EMPTY = LISTS | {"sites", "security", "developers"}
LOOKED_AT = [
    *(("much", place) for place in EVERYWHERE if place.name in LISTS),
    *(("none", place) for place in EVERYWHERE if place.always and place.name in EMPTY),
    *(("long", place) for place in EVERYWHERE),
]
# By keyboard: pages with controls.
WALKED = {"home", "incident-ready", "source-ready", "links", "link-live", "keys"}
WALKED |= {"account", "key-add", "source-add-chosen", "share", "public-live", "login", "mail"}
# With other fonts: dense pages, each of another kind.
FONTS_TRIED = {"home", "developers", "incidents", "incident-ready", "sources", "source-ready"}
FONTS_TRIED |= {"link-live", "keys", "share", "public-live", "login"}


def _name(visit: Visit) -> str:
    return f"{visit[0]}-{visit[1].name}"


@dataclass(frozen=True)
class Looks:
    """The colour schemes (each at a width) and the widths in which a page is looked at."""

    name: str
    schemes: Sequence[tuple[str, int]]
    widths: Sequence[int]


SCHEMES = (("light", 1280), ("dark", 390))
EVERY = Looks("every look", SCHEMES, WIDTHS)


def _with_looks() -> list[Any]:
    """Return every page: in some looks, of which each is some page's, and for the campaign in all.

    The narrowest width, where most goes wrong, is every page's.
    """
    narrowest, *wider = WIDTHS
    cases = []
    for number, visit in enumerate(LOOKED_AT):
        scheme, width = SCHEMES[number % len(SCHEMES)], wider[number % len(wider)]
        some = Looks(f"{scheme[0]}, {narrowest} and {width}", (scheme,), (narrowest, width))
        for looks, marks in ((some, ()), (EVERY, pytest.mark.campaign)):
            name = f"{_name(visit)}-{looks.name}"
            cases.append(pytest.param(visit, looks, marks=marks, id=name))
    return cases


def _with_fonts() -> list[Any]:
    """Return pages with other fonts: in an ordinary run each with one of them, taken in turn."""
    fonts = sorted(FONT_SETS.keys() - {"dejavu"})
    visits = [("long", place) for place in EVERYWHERE if place.name in FONTS_TRIED]
    return [
        pytest.param(
            visit, name, id=f"{_name(visit)}-{name}",
            marks=() if number % len(fonts) == turn else pytest.mark.campaign,
        )
        for turn, name in enumerate(fonts)
        for number, visit in enumerate(visits)
    ]  # fmt: skip


@pytest.fixture
def house(houses: Houses, visit: Visit) -> Furnished:
    """Provide the installation of a visit."""
    return houses.of(STATES[visit[0]])


@pytest.fixture
def windows(chromium: Browser, house: Furnished) -> Iterator[Windows]:
    """Provide a function that opens windows; at the end none may have errors."""
    windows = Windows(chromium, house.installation.url, house.logins["admin"])
    yield windows
    windows.close()


def test_every_get_route_is_a_page_of_the_table_or_no_page(app: Flask) -> None:
    routes = {
        rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())
    }
    known = set(PLACES.by_endpoint) | set(NO_PAGES)
    assert routes - known == set(), "tell in places.py how to open these, or what they are"
    assert known - routes == set(), "these are gone"
    assert not set(PLACES.by_endpoint) & set(NO_PAGES)
    names = [place.name for place in EVERYWHERE]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("visit", "looks"), _with_looks())
def test_nothing_is_wrong_with_a_page(
    house: Furnished, windows: Windows, visit: Visit, looks: Looks
) -> None:
    place = visit[1]
    page = house.open(windows, place)
    wrong: list[str] = []
    if not place.is_mail:
        wrong += page_checks.structure(page, "fr")
    # Colours depend on the scheme, layout on the width: each is tested.
    for scheme, width in looks.schemes:
        page_checks.look(page, scheme, width)
        found = page_checks.accessibility(page, is_mail=place.is_mail)
        wrong += [f"{scheme} {width}: {problem}" for problem in found]
    for width in looks.widths:
        page_checks.look(page, "light", width)
        wrong += [f"{width}: {problem}" for problem in page_checks.layout(page)]
        if not place.is_mail:
            wrong += [f"{width}: {problem}" for problem in page_checks.targets(page)]
    if visit[0] != "long":
        page_checks.look(page, "light", 1280)
        wrong += [f"cut off at 1280: {problem}" for problem in page_checks.tables(page)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("visit", "fonts"), _with_fonts())
def test_a_page_is_right_with_other_fonts(
    browsers: Browsers, house: Furnished, visit: Visit, fonts: str
) -> None:
    windows = Windows(browsers.with_fonts(fonts), house.installation.url, house.logins["admin"])
    page = house.open(windows, visit[1])
    wrong: list[str] = []
    for width in (320, 1280):
        page_checks.look(page, "light", width)
        found = [*page_checks.layout(page), *page_checks.sizes_of_targets(page)]
        wrong += [f"{fonts} {width}: {problem}" for problem in found]
    windows.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "visit", [("long", place) for place in EVERYWHERE if place.name in WALKED], ids=_name
)
def test_the_tabulator_leads_everywhere_and_shows_where_it_is(
    house: Furnished, windows: Windows, visit: Visit
) -> None:
    page = house.open(windows, visit[1], reduced_motion="reduce")
    wrong = list(page_checks.keyboard(page))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("visit", [("long", place) for place in EVERYWHERE[:1]], ids=["long"])
def test_each_title_names_its_page_in_both_languages(house: Furnished) -> None:
    insider, stranger = Session(house.installation.url), Session(house.installation.url)
    insider.log_in(ADMIN, PASSWORD)
    for language in ("fr", "en"):
        named: dict[tuple[str, str], set[str]] = defaultdict(set)
        for endpoint, places in PLACES.by_endpoint.items():
            for place in places:
                if place.act is not None or place.is_mail:
                    continue
                if place.visitor == "guarded":
                    continue
                session = insider if place.visitor == "admin" else stranger
                page = session.open(
                    place.address(house.filled), headers={"Accept-Language": language}
                ).text
                assert f'<html lang="{language}"' in page, f"{place.name} is not in {language}"
                title = re.search(r"<title>\s*(.+?)\s*</title>", page, re.DOTALL)
                assert title, f"{place.name} has no title"
                # Refusals of one link may have the same title; other pages have their own.
                # One thing may be shown alone and beside its list.
                own = place.address(house.filled).partition("?")[0]
                thing = own if endpoint.endswith(".show") else endpoint
                named[place.visitor, title.group(1)].add(thing)
        twice = {title: names for title, names in named.items() if len(names) > 1}
        assert not twice, twice
