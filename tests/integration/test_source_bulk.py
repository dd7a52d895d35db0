"""Bulk actions on sources: first a confirmation, then an exact report."""

from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from tests.helpers import Person, csrf_token, renew, stored_files
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Link, Role, Source, Video, VideoStatus
from vigint_web.services.accounts import sites
from vigint_web.services.core.bulk import MOST_AT_ONCE
from vigint_web.services.sources import bulk, sources
from vigint_web.services.sources.editing import facts_of

pytestmark = pytest.mark.both_databases(reason="bulk updates")

PAGE = "/source-management/chosen"


def _change(person: Person, deed: str, ids: list[str], **fields: str):  # type: ignore[no-untyped-def]  # a response
    """Open the confirmation, then submit it."""
    asked = person.browser.get(PAGE, query_string={"do": deed, "source": ids})
    token = csrf_token(asked.text if asked.status_code == 200 else _any_form(person))
    form = {"csrf_token": token, "do": deed, "source": ids, **fields}
    return person.browser.post(PAGE, data=form, follow_redirects=True)


def _any_form(person: Person) -> str:
    return person.browser.get("/account").text


def _left() -> list[str]:
    renew()
    return list(db.session.scalars(select(Source.source_id).order_by(Source.id)))


def test_deleting_names_what_goes_and_leaves_nothing_but_the_trail(
    app: Flask, config: Config, library: Library, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    made = [library.source(b"x" * 1000, stored_size=1_500_000) for _ in range(3)]
    ids = [source.source_id for source in made]
    library.person_link(made[0].video)
    for source in made:  # everything that processing creates
        for name in ("thumbnail", "sprite"):
            library.keep_picture(source.video, name)
    assert len(stored_files(config)) == 3 * 4
    asked = unescape(
        operator.browser.get(PAGE, query_string={"do": "delete", "source": ids[:2]}).text
    )
    assert "Delete 2 sources?" in asked
    assert "3\N{NO-BREAK SPACE}MB" in asked
    assert ids[0] in asked
    assert ids[2] not in asked
    assert _left() == ids, "a question deletes nothing"
    answer = _change(operator, "delete", ids[:2])
    assert "2 sources deleted." in answer.text
    assert _left() == ids[2:]
    assert db.session.query(Video).count() == 1
    assert db.session.query(Link).count() == 1
    assert len(stored_files(config)) == 4
    _change(operator, "delete", ids[2:])
    assert stored_files(config) == []
    renew()
    query = select(AuditEvent).where(AuditEvent.action == "source:deleted")
    events = db.session.scalars(query.order_by(AuditEvent.id))
    assert [event.subject for event in events] == [f"source:{name}" for name in ids]


def test_what_could_not_be_done_is_said_with_its_reason(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    here, gone = library.source().source_id, library.source().source_id
    sources.delete_source(ACTOR, gone)
    answer = unescape(_change(operator, "delete", [here, gone, "file_999"]).text)
    assert "1 source deleted." in answer
    assert f"2 sources were skipped ({gone}, file_999): it no longer exists." in answer


def test_another_sites_sources_do_not_exist(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    other = sites.get_or_add_site("second")
    source = library.source()
    source.site_id = source.video.site_id = other.id
    db.session.commit()
    operator = people(Role.OPERATOR).speaking("en")
    for deed in ("delete", "retry", "tag"):
        asked = operator.browser.get(PAGE, query_string={"do": deed, "source": source.source_id})
        assert asked.status_code == 302, "nothing to ask about"
        answer = _change(operator, deed, [source.source_id], tags="a")
        assert "it no longer exists" in answer.text
    assert _left() == [source.source_id]


def test_only_what_failed_is_processed_again(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    failed = library.source(status=VideoStatus.FAILED, error_code="broken")
    ready = library.source()
    empty = library.source(status=VideoStatus.FAILED, error_code="empty_file", original_key=None)
    ids = [source.source_id for source in (failed, ready, empty)]
    asked = unescape(operator.browser.get(PAGE, query_string={"do": "retry", "source": ids}).text)
    assert "Process 1 source again?" in asked
    assert "2 of the selected sources have not failed" in asked
    answer = unescape(_change(operator, "retry", ids).text)
    assert "1 source is being processed again." in answer
    assert "2 sources were skipped" in answer
    renew()
    states = {s.source_id: s.video.status for s in db.session.scalars(select(Source))}
    assert states[failed.source_id] == VideoStatus.PROCESSING
    assert states[ready.source_id] == VideoStatus.READY
    assert states[empty.source_id] == VideoStatus.FAILED
    none = operator.browser.get(PAGE, query_string={"do": "retry", "source": [ready.source_id]})
    assert "None of these can be processed again" in none.text


def test_tags_are_added_to_many(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    operator = people(Role.OPERATOR).speaking("en")
    made = [library.source() for _ in range(2)]
    ids = [source.source_id for source in made]
    assert "2 sources tagged." in _change(operator, "tag", ids, tags="nuit, Quai").text
    assert "1 source tagged." in _change(operator, "tag", ids[:1], tags="NUIT, x").text
    renew()
    assert facts_of(sources.get_source(ACTOR, ids[0])).tags == ("nuit", "Quai", "x")
    refused = _change(operator, "tag", ids, tags=" , ")
    assert refused.status_code == 422
    assert "Enter at least one tag." in refused.text
    full = ",".join(f"t{n}" for n in range(18))
    answer = unescape(_change(operator, "tag", ids, tags=full).text)
    assert "1 source tagged." in answer
    assert f"1 source was skipped ({ids[0]}): At most 20 tags." in answer


def test_nothing_chosen_is_nothing_done(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    name = library.source().source_id
    operator = people(Role.OPERATOR)
    token = csrf_token(_any_form(operator))
    for form in ({}, {"do": "delete"}, {"do": "format", "source": name}, {"source": name}):
        assert operator.browser.get(PAGE, query_string=form).status_code == 302
        posted = operator.browser.post(PAGE, data={"csrf_token": token, **form})
        assert posted.status_code == 302
    assert len(_left()) == 1


def test_viewers_do_nothing_with_many(
    app: Flask, library: Library, people: Callable[[Role], Person]
) -> None:
    source, viewer = library.source(), people(Role.VIEWER)
    assert viewer.browser.get(f"{PAGE}?do=delete&source={source.source_id}").status_code == 403
    assert viewer.post(PAGE, do="delete", source=source.source_id).status_code == 403


def test_no_more_at_once_than_a_page_of_work(app: Flask, library: Library) -> None:
    ids = [f"file_{number}" for number in range(MOST_AT_ONCE + 50)]
    assert len(bulk.delete_many(ACTOR, ids).refused) == MOST_AT_ONCE
