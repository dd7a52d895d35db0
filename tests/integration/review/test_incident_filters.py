"""The list of a camera, that of the night, and the list as a table for spreadsheets."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, Person, post_incident, renew
from tests.integration.review.nights import add_incident, plan_of
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.http.pages.paging import last_night
from vigint_web.models import AuditEvent, Camera, IncidentState, Role, User
from vigint_web.services.accounts import sites
from vigint_web.services.accounts.cameras import camera_of
from vigint_web.services.audit.trail import read_chain
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.incidents import export, listing
from vigint_web.services.incidents.listing import IncidentFilter, IncidentList
from vigint_web.services.review import decisions

EXPORT = "/incidents/export.csv"
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def cameras(app: Flask) -> tuple[Camera, Camera]:
    """Provide a camera here and one of another site, each with incidents."""
    lyon = sites.get_or_add_site("lyon")
    here = camera_of(sites.default_site().id, "Quai 3")
    away = camera_of(lyon.id, "Quai 3")
    add_incident("a", 300, 300, camera_id=here.id)
    add_incident("b", -30, 200, camera_id=here.id)  # a clock that is fast
    add_incident("c", 100, 100, camera_id=here.id)
    add_incident("d", 50, 50)
    add_incident("z", 60, 60, lyon, camera_id=away.id)
    return here, away


def _names(wanted: IncidentFilter, actor: Actor = SYSTEM) -> str:
    return "".join(row.reference[-1] for row in IncidentList(actor, wanted).page().rows)


def _of_paris() -> Actor:
    here = frozenset({sites.default_site().id})
    return Actor("paris@example.com", Role.OPERATOR, site_ids=here)


@pytest.mark.both_databases(reason="plans")
def test_the_list_of_a_camera(cameras: tuple[Camera, Camera]) -> None:
    here, away = cameras
    assert _names(IncidentFilter(camera_id=here.id)) == "cba"
    assert _names(IncidentFilter(camera_id=here.id, state=IncidentState.CONFIRMED)) == ""
    assert _names(IncidentFilter(camera_id=away.id)) == "z"
    assert _names(IncidentFilter(camera_id=away.id), _of_paris()) == ""
    assert _names(IncidentFilter(camera_id=here.id, site_id=away.site_id)) == ""
    assert _names(IncidentFilter(camera_id=2**31 - 1)) == ""
    assert IncidentList(SYSTEM, IncidentFilter(camera_id=here.id)).count() == 3
    assert [camera.id for camera in listing.cameras_of(_of_paris())] == [here.id]
    plan = plan_of(IncidentList(SYSTEM, IncidentFilter(camera_id=here.id)))
    assert "ix_incidents_camera" in plan, plan
    assert "Sort" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


@pytest.mark.both_databases(reason="lower case, IN with nulls")
def test_the_incidents_of_which_an_address_was_told(
    client: FlaskClient, api_key: str, library: Library
) -> None:
    """Alerted with footage or without, or shared with afterwards."""
    told = []
    for recipient in ("Garde@example.com", "other@example.com"):
        facts = {"message": "m", "incident_data": {"incident_type": "Vol"}}
        posted = post_incident(client, api_key, {**facts, "recipients": [recipient]})
        told.append(posted["reference"])
    video = library.incident()
    library.person_link(video, recipient="garde@example.com")
    shared = library.incident_of(video).reference
    renew()

    def found(text: str, actor: Actor = SYSTEM) -> set[str]:
        return {row.reference for row in IncidentList(actor, IncidentFilter(text)).page().rows}

    assert found("garde@example.com") == found(" GARDE@example.com ") == {told[0], shared}
    assert found("other@example.com") == {told[1]}
    assert found("unknown@example.com") == found("arde@example.com") == set()
    elsewhere = frozenset({sites.get_or_add_site("lyon").id})
    of_lyon = Actor("lyon@example.com", Role.OPERATOR, site_ids=elsewhere)
    assert found("garde@example.com", of_lyon) == set()


def test_the_page_offers_the_cameras_of_the_reader(
    cameras: tuple[Camera, Camera], people: Callable[[Role], Person]
) -> None:
    here, away = cameras
    operator = people(Role.OPERATOR)
    page = operator.browser.get(f"/incidents/?camera={here.id}").text
    assert f'<option value="{here.id}" selected>Quai 3</option>' in page
    assert f'<option value="{away.id}"' not in page
    assert "INC-2026-d" not in page
    for odd in (str(away.id), "x", "-1", "9" * 40):
        assert "INC-2026-d" in operator.browser.get(f"/incidents/?camera={odd}").text, odd


def test_the_night_is_that_of_the_readers_clock(
    app: Flask, clock: Clock, people: Callable[[Role], Person]
) -> None:
    begin, end = last_night(clock.now(), PARIS)
    times = {"a": begin, "b": begin - timedelta(seconds=1), "c": end}
    for name, moment in times.items():
        add_incident(name, 0, 0, detected_at=moment, created_at=max(moment, end))
    page = people(Role.OPERATOR).browser.get("/incidents/?night=1").text
    assert [name for name in times if f'data-part="INC-2026-{name}"' in page] == ["a"]
    assert 'aria-current="page">Cette nuit</a>' in page
    # Dates that were chosen come before it.
    page = people(Role.VIEWER).browser.get("/incidents/?night=1&from=2000-01-01").text
    assert [name for name in times if f'data-part="INC-2026-{name}"' in page] == ["a", "b", "c"]


def _table(person: Person, query: str = "") -> list[list[str]]:
    answer = person.browser.get(f"{EXPORT}{query}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    written = answer.data.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(written), delimiter=";" if ";" in written[:40] else ","))


def test_the_export_holds_what_the_filter_shows_in_its_order(
    cameras: tuple[Camera, Camera], people: Callable[[Role], Person]
) -> None:
    decisions.decide(
        ACTOR, "INC-2026-a", IncidentState.FALSE_ALARM, seen=IncidentState.NEW, reason="animal"
    )
    operator = people(Role.OPERATOR).speaking("en")
    titles, *rows = _table(operator)
    assert [row[0][-1] for row in rows] == list("dcba")
    assert "Detected (Europe/Paris)" in titles
    told = dict(zip(titles, rows[-1], strict=True))
    assert (told["State"], told["Decision"], told["Reason"]) == ("False alarm",) * 2 + ("Animal",)
    assert told["Camera"] == "Quai 3"
    assert [row[0][-1] for row in _table(operator, f"?camera={cameras[0].id}")[1:]] == list("cba")
    assert [row[0][-1] for row in _table(operator, "?state=new")[1:]] == list("dcb")
    assert "Détecté (Europe/Paris)" in _table(operator.speaking("fr"))[0]
    events: list[str] = []
    read_chain(lambda event: events.append(event.action))
    assert events.count("incidents:exported") == 4


@pytest.mark.parametrize(
    "dangerous",
    ["=1+1", "+33 1", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =HYPERLINK(1)", "＝1", "|calc", "\n=1"],
)
def test_a_formula_becomes_text(
    app: Flask, people: Callable[[Role], Person], dangerous: str
) -> None:
    add_incident("a", 60, 60, message=dangerous, incident_type=dangerous, site_name=dangerous)
    titles, row = _table(people(Role.OPERATOR).speaking("en"))
    for title in ("Message", "Type", "Site"):
        assert row[titles.index(title)].startswith("'"), title
        assert row[titles.index(title)].removeprefix("'") == dangerous, title


@pytest.mark.parametrize(
    "text_", ['a "b"; c', "deux\nlignes", "a,b;c", "\0x", "é𝄞", "", "x" * 1000]
)
def test_any_text_is_one_cell(app: Flask, people: Callable[[Role], Person], text_: str) -> None:
    add_incident("a", 60, 60, message=text_.replace("\0", ""))
    titles, row = _table(people(Role.OPERATOR).speaking("en"))
    assert row[titles.index("Message")] == text_.replace("\0", "")
    assert len(row) == len(titles)


def test_the_export_is_read_in_batches_and_has_an_end(
    app: Flask, people: Callable[[Role], Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        add_incident(str(number), 60 + number, 60)
    monkeypatch.setattr(export, "_BATCH", 2)
    whole = export.export_incidents(ACTOR, IncidentFilter())
    assert (len(whole.rows), whole.is_cut) == (7, False)
    monkeypatch.setattr(export, "MOST_EXPORTED", 4)
    found = export.export_incidents(ACTOR, IncidentFilter())
    assert [row.reference[-1] for row in found.rows] == ["0", "1", "2", "3"]
    assert found.is_cut
    last = _table(people(Role.OPERATOR).speaking("en"))[-1]
    assert last[0].startswith("The export ends after the latest")


def test_long_messages_cannot_fill_the_memory(app: Flask, people: Callable[[Role], Person]) -> None:
    add_incident("a", 60, 60, message="x" * 100_000)
    titles, row = _table(people(Role.OPERATOR).speaking("en"))
    assert row[titles.index("Message")] == "x" * export.LONGEST_MESSAGE + "…"


def test_the_trail_says_which_incidents_were_exported(
    cameras: tuple[Camera, Camera], people: Callable[[Role], Person]
) -> None:
    _table(people(Role.OPERATOR), f"?camera={cameras[0].id}&state=new")
    events: list[AuditEvent] = []
    read_chain(events.append)
    exported = next(event for event in events if event.action == "incidents:exported")
    assert exported.detail["number"] == 3
    assert exported.detail["filter"] == {"state": "new", "camera_id": str(cameras[0].id)}
    assert exported.site_id == sites.default_site().id


@pytest.mark.parametrize("part", ["site=99", "camera=99", "state=odd", "risk=x", "from=x"])
@pytest.mark.parametrize("address", [EXPORT, "/incidents/chosen?all=1&do=closed"])
def test_a_filter_that_names_nothing_acts_on_nothing(
    app: Flask, people: Callable[[Role], Person], address: str, part: str
) -> None:
    add_incident("a", 60, 60)
    operator = people(Role.OPERATOR).speaking("en")
    mark = "&" if "?" in address else "?"
    answer = operator.browser.get(f"{address}{mark}{part}&q=Intrusion")
    assert answer.headers["Location"] == "/incidents/?q=Intrusion"
    assert "Part of the filter is no longer valid" in operator.browser.get("/incidents/").text


def test_viewers_export_nothing(app: Flask, people: Callable[[Role], Person]) -> None:
    add_incident("a", 60, 60)
    viewer = people(Role.VIEWER)
    assert viewer.browser.get(EXPORT).status_code == 403
    assert EXPORT not in viewer.browser.get("/incidents/").text
    assert db.session.query(User).count() == 1
