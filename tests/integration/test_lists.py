"""Lists are searched and paged; invalid values in an address show a page all the same."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.helpers import Person, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.models import Incident, Link, RiskLevel, Role
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.keyset_pagination import TOP, Cursor, Page, read_page
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.listing import IncidentFilter
from vigint_web.services.incidents.program_lists import find_incidents
from vigint_web.services.links import links
from vigint_web.services.links.listing import LINK_STATES, StateFilter, find_links
from vigint_web.services.links.rules import Opening, refusal

pytestmark = pytest.mark.both_databases(reason="searches, sorting and cursors")

EVERY = IncidentFilter()
NONSENSE = (
    *("0", "-1", "99999999999999999999", "LOW", "live"),
    *("2026-02-30", "9999-12-31", "0001-01-01", "2200-12-31"),
)


@pytest.fixture
def incidents(app: Flask) -> list[Incident]:
    """Provide seven incidents without video, with different days and risks."""
    site = sites.default_site()
    rows = [
        Incident(
            reference=f"INC-2026-{number:06d}",
            site_id=site.id,
            body_sha256="0" * 64,
            message="Quelqu'un est passé",
            incident_type="Intrusion" if number % 2 else "Vol à l'étalage",
            risk_level=list(RiskLevel)[number % len(RiskLevel)],
            detected_at=datetime(2026, 3, 25 + number, 22, 30, tzinfo=UTC),
            site_name="100% Dépôt_Nord" if number == 3 else None,
            link_hours=48,
        )
        for number in range(7)
    ]
    with transaction() as session:
        session.add_all(rows)
    return rows


def _ids(page: Page[Incident]) -> list[int]:
    return [row.id for row in page.rows]


def _read(place: Cursor, size: int) -> Page[Incident]:
    return read_page(select(Incident), Incident.id, place, size)


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 8])
def test_every_row_is_on_one_page_going_down_and_up_again(
    incidents: list[Incident], size: int
) -> None:
    every = sorted((row.id for row in incidents), reverse=True)
    page, down = _read(TOP, size), []
    assert page.newer is None
    while True:
        down.append(_ids(page))
        if page.older is None:
            break
        page = _read(Cursor(before=page.older), size)
    assert [number for one in down for number in one] == every
    up = []
    while page.newer is not None:
        page = _read(Cursor(after=page.newer), size)
        up.append(_ids(page))
    assert len(up) <= len(down)
    if up:
        assert up[-1] == every[:size], "the way up ends on a whole first page"
        assert page.older == (every[size - 1] if size < 7 else None)


def test_a_place_beyond_the_ends_is_the_nearest_there_is(incidents: list[Incident]) -> None:
    assert _read(Cursor(before=1), 3).rows == []
    assert _ids(_read(Cursor(after=2**31 - 1), 3)) == sorted(r.id for r in incidents)[:-4:-1]


def _found(wanted: IncidentFilter, actor: Actor = SYSTEM) -> list[str]:
    return [row.reference[-1] for row in find_incidents(actor, wanted).rows]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EVERY, "6543210"),
        (IncidentFilter(risk=RiskLevel.LOW), "50"),
        (IncidentFilter(risk=RiskLevel.UNKNOWN), "2"),
        (IncidentFilter(text="intru"), "531"),
        (IncidentFilter(text="000004"), "4"),
        (IncidentFilter(text="100% dép"), "3"),
        (IncidentFilter(text="t_N"), "3"),
        (IncidentFilter(text="t%N"), ""),
        # A site's own name is used if the detector gave no other.
        (IncidentFilter(text="vigint"), "654210"),
        (IncidentFilter(text="nothing of the kind"), ""),
        (IncidentFilter(since=datetime(2026, 3, 29, 22, 30, tzinfo=UTC)), "654"),
        (IncidentFilter(until=datetime(2026, 3, 26, 22, 30, tzinfo=UTC)), "0"),
        (IncidentFilter(text="intru", risk=RiskLevel.MEDIUM), "1"),
    ],
)
def test_incidents_are_found(incidents: list[Incident], wanted: IncidentFilter, found: str) -> None:
    assert "".join(_found(wanted)) == found


def test_incidents_are_found_by_their_camera(app: Flask, library: Library) -> None:
    library.incident()
    assert len(_found(IncidentFilter(text="quai"))) == 1


def test_nobody_finds_another_sites(incidents: list[Incident]) -> None:
    assert _found(EVERY, Actor("nobody", site_ids=frozenset())) == []
    assert _found(EVERY, Actor("stranger", site_ids=frozenset({99}))) == []


def test_a_links_state_in_a_list_is_the_one_that_decides(app: Flask, library: Library) -> None:
    """Every combination of a link's values is in one state, and valid links are usable."""
    video = library.incident()
    now = utcnow()
    past, future = now - timedelta(hours=1), now + timedelta(hours=1)
    made: list[int] = []
    for expires in (None, past, future):
        for begins in (None, past, future):
            for most, views in ((None, 3), (3, 2), (3, 3)):
                for revoked in (None, past):
                    link = library.person_link(video)
                    with transaction() as session:
                        session.execute(
                            update(Link)
                            .where(Link.id == link.id)
                            .values(
                                expires_at=expires,
                                not_before=begins,
                                max_views=most,
                                views=views,
                                revoked_at=revoked,
                            )
                        )
                    made.append(link.id)
    renew()
    states: dict[int, list[str]] = {number: [] for number in made}
    for state in LINK_STATES:
        place = TOP
        while True:
            page = find_links(SYSTEM, StateFilter(state=state), place)
            for row in page.rows:
                if row.id in states:
                    states[row.id].append(state)
            if page.older is None:
                break
            place = Cursor(before=page.older)
    for number, names in states.items():
        assert len(names) == 1, "a link is in one state"
        link = links.get_link(ACTOR, number)
        used_up = link.max_views is not None and link.views >= link.max_views
        opens = refusal(link, Opening.STREAM, now) is None and not used_up
        assert (names == ["live"]) == opens, names


def test_the_pages_of_a_list_lead_to_each_other_and_keep_the_search(
    app: Flask, people: Callable[[Role], Person]
) -> None:
    site = sites.default_site()
    with transaction() as session:
        session.add_all(
            Incident(
                reference=f"INC-2026-{number:06d}",
                site_id=site.id,
                body_sha256="0" * 64,
                message="",
                incident_type="Intrusion & vol",
                risk_level=RiskLevel.HIGH,
                detected_at=utcnow(),
                link_hours=48,
            )
            for number in range(120)
        )
    viewer = people(Role.VIEWER)
    path = "/incidents/?q=Intrusion+%26+vol&risk=HIGH&from=2026-01-01"
    seen: list[str] = []
    while path:
        page = viewer.browser.get(path).text
        seen += re.findall(r'data-part="(INC-[\d-]+)"', page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = older.group(1).replace("&amp;", "&") if older else ""
        if older:
            assert "risk=HIGH" in path
            assert "from=2026-01-01" in path
    assert seen == [f"INC-2026-{number:06d}" for number in reversed(range(120))]
    newer = re.search(r'rel="prev" href="([^"]+)"', page)
    assert newer is not None
    assert "q=Intrusion" in newer.group(1)


@pytest.mark.parametrize("path", ["/incidents/", "/source-management/", "/links/"])
def test_empty_lists_say_so_and_searches_that_find_nothing_too(
    app: Flask, people: Callable[[Role], Person], path: str
) -> None:
    admin = people(Role.ADMIN)
    empty = admin.browser.get(path).text
    assert 'data-part="empty"' in empty
    assert "<form" in empty
    assert 'role="search"' not in empty, "nothing to search in"
    nothing = admin.browser.get(f"{path}?q=xyz").text
    assert 'data-part="nothing"' in nothing
    assert 'value="xyz"' in nothing, "what was searched for can be changed"


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the application is only read
@given(
    path=st.sampled_from(["/incidents/", "/incidents/live", "/source-management/", "/links/live"]),
    query=st.dictionaries(
        st.sampled_from(["q", "risk", "state", "from", "to", "before", "after", "page"]),
        st.text(max_size=300).filter(lambda text: "\x00" not in text)
        | st.sampled_from(NONSENSE),
    ),
)  # fmt: skip
def test_nothing_in_an_address_breaks_a_list(
    app: Flask, people: Callable[[Role], Person], path: str, query: dict[str, str]
) -> None:
    answer = people(Role.ADMIN).browser.get(path, query_string=query)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("day", "found"),
    [("2026-03-28", "3"), ("2026-03-29", ""), ("2026-03-30", "4"), ("2026-03-31", "5")],
)
def test_days_are_the_readers(
    app: Flask,
    incidents: list[Incident],
    people: Callable[[Role], Person],
    day: str,
    found: str,
) -> None:
    """A detection at 22:30 UTC was at 23:30 in Paris; since the 29th at 00:30 of the next."""
    page = people(Role.VIEWER).browser.get(f"/incidents/?from={day}&to={day}").text
    assert "".join(re.findall(r'data-part="INC-2026-00000(\d)"', page)) == found
