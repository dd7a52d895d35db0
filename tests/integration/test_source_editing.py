"""A source is edited by one user at a time, and the trail records the old values."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from tests.helpers import Person, csrf_token, renew
from tests.library import ACTOR, Library
from vigint_web.errors import EditedMeanwhile, Invalid
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Camera, Role, Source, Tag
from vigint_web.services.accounts import cameras, sites
from vigint_web.services.sources import editing, sources, tags
from vigint_web.services.sources.editing import Facts, facts_of

FORM = {"name": "Quai", "description": "", "tags": "", "camera": "", "recorded_at": ""}


@pytest.fixture
def source(library: Library) -> Source:
    return library.source(name="Parking", description="Nord")


def _page(source: Source) -> str:
    return f"/source-management/{source.source_id}/edit"


def _save(person: Person, source: Source, **fields: str):  # type: ignore[no-untyped-def]  # a response
    """Send the form as shown, with some fields changed."""
    page = person.browser.get(_page(source)).text
    version = re.search(r'name="version"[^>]*value="([^"]*)"', page)
    assert version is not None
    form = {"csrf_token": csrf_token(page), "version": version.group(1), **FORM, **fields}
    return person.browser.post(_page(source), data=form)


def _now(source: Source) -> Facts:
    renew()
    return facts_of(sources.get_source(ACTOR, source.source_id))


def _edits() -> list[dict[str, object]]:
    renew()
    query = select(AuditEvent).where(AuditEvent.action == "source:edited").order_by(AuditEvent.id)
    return [event.detail for event in db.session.scalars(query)]


def test_everything_that_is_said_can_be_changed(
    source: Source, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    answer = _save(
        operator, source, name="  Quai   nord ", description="Une\r\nnuit", camera="Caméra 4",
        tags="nuit, Affaire 12,, NUIT ", recorded_at="2026-07-14T23:30:05",
    )  # fmt: skip
    assert answer.status_code == 302
    moment = datetime(2026, 7, 14, 21, 30, 5, tzinfo=UTC)  # Paris, in summer
    assert _now(source) == Facts(
        "Quai nord", "Une\nnuit", ("Affaire 12", "nuit"), "Caméra 4", moment
    )
    assert _edits() == [
        {
            "name": ["Parking", "Quai nord"],
            "description": ["Nord", "Une\nnuit"],
            "tags": [[], ["Affaire 12", "nuit"]],
            "camera": ["", "Caméra 4"],
            "recorded_at": [None, "2026-07-14T21:30:05+00:00"],
        }
    ]
    page = operator.browser.get(f"/source-management/{source.source_id}/").text
    for text in ("Quai nord", "Affaire 12", "Caméra 4", "2026-07-14T21:30:05+00:00"):
        assert text in page
    form = operator.browser.get(_page(source)).text
    assert 'value="2026-07-14T23:30:05"' in form
    assert 'value="Affaire 12, nuit"' in form
    listed = operator.browser.get("/source-management/").text
    assert "Caméra 4" in listed
    assert "Affaire 12" in listed
    # Saved unchanged, nothing changes and nothing is recorded.
    same = {
        "name": "Quai nord", "description": "Une\nnuit", "camera": "Caméra 4",
        "tags": "Affaire 12, nuit", "recorded_at": "2026-07-14T23:30:05",
    }  # fmt: skip
    assert _save(operator, source, **same).status_code == 302
    assert len(_edits()) == 1
    # All values can be cleared.
    assert _save(operator, source).status_code == 302
    assert _now(source) == Facts("Quai", "", (), "", None)
    assert db.session.scalars(select(Tag)).all() == [], "unused tags are deleted"


def test_a_time_keeps_what_a_form_cannot_show(
    source: Source, people: Callable[[Role], Person]
) -> None:
    fine = datetime(2026, 7, 14, 21, 30, 5, 123456, tzinfo=UTC)
    editing.edit_source(
        ACTOR, source.source_id, Facts("Quai", "", (), "", fine), facts_of(source).version
    )
    operator = people(Role.OPERATOR).speaking("en")
    assert _save(operator, source, name="B", recorded_at="2026-07-14T23:30:05").status_code == 302
    assert _now(source).recorded_at == fine


def test_the_second_of_two_is_told_and_nothing_is_lost(
    source: Source, people: Callable[[Role], Person]
) -> None:
    first, second = people(Role.OPERATOR), people(Role.ADMIN).speaking("en")
    page = second.browser.get(_page(source)).text
    version = re.search(r'name="version"[^>]*value="([^"]*)"', page)
    assert version is not None
    assert _save(first, source, name="Von der Ersten", tags="eins").status_code == 302
    form = {"csrf_token": csrf_token(page), **FORM, "name": "Du second"}
    answer = second.browser.post(_page(source), data={**form, "version": version.group(1)})
    assert answer.status_code == 409
    assert "Someone else changed this source" in answer.text
    assert "Von der Ersten" in answer.text
    assert 'value="Du second"' in answer.text, "what was typed is there still"
    assert _now(source).name == "Von der Ersten"
    # Having read that, the second one may overwrite it.
    again = re.search(r'name="version"[^>]*value="([^"]*)"', answer.text)
    assert again is not None
    assert again.group(1) != version.group(1)
    answer = second.browser.post(_page(source), data={**form, "version": again.group(1)})
    assert answer.status_code == 302
    assert _now(source) == Facts("Du second", "", (), "", None)
    with pytest.raises(EditedMeanwhile):
        editing.edit_source(ACTOR, source.source_id, _now(source), "")


def test_what_is_wrong_is_said_beside_the_field(
    source: Source, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    for name, value, sentence in (
        ("name", "   ", "Enter a name."),
        ("name", "x" * 201, "200"),
        ("tags", ",".join(f"t{n}" for n in range(21)), "At most 20 tags."),
        ("tags", "x" * 61, "A tag has at most 60 characters."),
        ("recorded_at", "yesterday", "This is not a date and time"),
        ("recorded_at", "2126-01-01T00:00", "This date is in the future."),
        ("recorded_at", "2026-03-29T02:30", "this time did not exist"),
        ("recorded_at", "2025-10-26T02:30", "this time occurred twice"),
    ):
        answer = _save(operator, source, **{name: value})
        assert answer.status_code == 422, value
        assert sentence in unescape(answer.text)
        assert re.search(rf'id="{name}-wrong"', answer.text), value
    assert _now(source).name == "Parking"
    assert _edits() == []


def test_of_an_hour_that_came_twice_the_reader_says_which(
    source: Source, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    asked = _save(operator, source, recorded_at="2025-10-26T02:30")
    assert "UTC+02:00" in asked.text
    assert "UTC+01:00" in asked.text
    for turn, hour in (("0", 0), ("1", 1)):
        answer = _save(operator, source, recorded_at="2025-10-26T02:30", turn=turn)
        assert answer.status_code == 302
        assert _now(source).recorded_at == datetime(2025, 10, 26, hour, 30, tzinfo=UTC)
        form = operator.browser.get(_page(source)).text
        assert re.search(rf'<option selected value="{turn}">', form)


def test_a_clock_that_is_a_little_ahead_is_believed(source: Source) -> None:
    def edit(ahead: timedelta) -> None:
        moment = datetime.now(UTC) + ahead
        editing.edit_source(
            ACTOR, source.source_id, Facts("A", "", (), "", moment), _now(source).version
        )

    edit(timedelta(hours=20))
    with pytest.raises(Invalid, match="recorded_in_future"):
        edit(timedelta(days=2))


def test_tags_are_those_of_the_site_however_spelt(app: Flask, library: Library) -> None:
    first, second = library.source(), library.source()
    editing.add_tags(ACTOR, first.source_id, ["Été"])
    editing.add_tags(ACTOR, second.source_id, ["ete", "Quai"])
    assert _now(second).tags == ("Été", "Quai")
    assert [tag.name for tag in tags.list_tags(ACTOR)] == ["Été", "Quai"]
    editing.add_tags(ACTOR, second.source_id, [f"n{n}" for n in range(18)])
    with pytest.raises(Invalid):
        editing.add_tags(ACTOR, second.source_id, ["one more"])
    assert len(_now(second).tags) == 20
    sources.delete_source(ACTOR, second.source_id)
    renew()
    assert [tag.name for tag in tags.list_tags(ACTOR)] == ["Été"], "a deleted tag is not offered"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" , ;; ", []),
        ("a, b;A,  a  b ", ["a", "b", "a b"]),
        ("été, ETE", ["été"]),
    ],
)
def test_tags_as_they_are_written(text: str, found: list[str]) -> None:
    assert tags.parse_tags(text) == found


def test_a_camera_is_of_the_sources_own_site(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    source, elsewhere = library.source(), sites.get_or_add_site("second")
    cameras.camera_of(elsewhere.id, "Autre")
    operator = people(Role.OPERATOR).speaking("en")
    assert "Autre" not in operator.browser.get(_page(source)).text
    _save(operator, source, camera="Autre")
    renew()
    named = db.session.scalars(select(Camera).where(Camera.name == "Autre")).all()
    assert {camera.site_id for camera in named} == {source.site_id, elsewhere.id}


def test_viewers_read_and_change_nothing(source: Source, people: Callable[[Role], Person]) -> None:
    viewer = people(Role.VIEWER)
    assert viewer.browser.get(_page(source)).status_code == 403
    assert viewer.post(_page(source), **FORM).status_code == 403
    assert "/edit" not in viewer.browser.get(f"/source-management/{source.source_id}/").text
