"""Kept numbers of videos and of their bytes: exact whichever statement changes a video."""

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text, update

from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import (
    ConfidentialIncident,
    Incident,
    Source,
    Video,
    VideoKind,
    VideoStatus,
    VideoTotal,
)
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.hidden_rows import hidden_from
from vigint_web.services.core.transactions import transaction
from vigint_web.services.sources.listing import SourceFilter, SourceList
from vigint_web.services.sources.sources import count_sources, delete_source
from vigint_web.services.videos import totals
from vigint_web.services.videos.totals import (
    Total,
    correct_totals,
    numbers_by_status,
    replace_differences,
    stored_bytes,
    totals_of_sources,
)

pytestmark = pytest.mark.both_databases(reason="triggers, sums")


def _check() -> None:
    """Compare everything that is kept with what it stands for."""
    db.session.rollback()
    by_status = select(Video.status, func.count(), func.sum(Video.stored_size))
    found = db.session.execute(by_status.group_by(Video.status)).all()
    assert numbers_by_status() == {str(status): number for status, number, _size in found}
    assert stored_bytes() == sum(int(size) for _status, _number, size in found)
    sources = by_status.join(Source, Source.video_id == Video.id).group_by(Video.status)
    for site in [None, *sites.list_sites(SYSTEM)]:
        rows = sources if site is None else sources.where(Video.site_id == site.id)
        assert totals_of_sources(SYSTEM, None if site is None else site.id) == {
            str(status): Total(number, int(size))
            for status, number, size in db.session.execute(rows).all()
        }


def test_they_follow_every_kind_of_change(app: Flask, library: Library) -> None:
    _check()
    first = library.source(b"1" * 1000, poster_size=13)
    library.source(b"2" * 10, status=VideoStatus.FAILED, error_code="broken")
    library.incident(b"3" * 500)
    _check()
    assert totals_of_sources(SYSTEM)["ready"] == Total(1, 1013)
    other = sites.get_or_add_site("elsewhere")
    with transaction() as session:
        session.execute(update(Video).values(site_id=other.id, stored_size=Video.stored_size + 7))
    _check()
    with transaction() as session:
        session.execute(update(Video).values(progress=50))  # which no total is about
    _check()
    db.session.expire_all()
    delete_source(ACTOR, first.source_id)
    _check()


def test_what_is_rolled_back_is_not_counted(app: Flask, library: Library) -> None:
    library.source(b"1" * 1000)
    before = numbers_by_status()
    db.session.execute(update(Video).values(status=VideoStatus.FAILED))
    assert numbers_by_status() == {"failed": 1}, "within the transaction itself"
    db.session.rollback()
    assert numbers_by_status() == before
    _check()


def test_differences_are_replaced_by_their_sums(
    app: Flask, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "_FEW", 2)
    library.source(b"1" * 1000)
    library.incident(b"2" * 20)
    with transaction() as session:
        for size in range(20):
            session.execute(update(Video).values(stored_size=size))
    many = db.session.scalar(select(func.count()).select_from(VideoTotal)) or 0
    assert replace_differences() == many > 40
    assert db.session.scalar(select(func.count()).select_from(VideoTotal)) == 2
    _check()
    assert replace_differences() == 0, "nothing is gained any more"


def test_what_differs_is_corrected(app: Flask, library: Library) -> None:
    library.source(b"1" * 1000)
    library.incident(b"2" * 20)
    assert correct_totals() == 0
    with transaction() as session:
        session.execute(delete(VideoTotal).where(VideoTotal.kind == VideoKind.SOURCE))
        session.add(VideoTotal(site_id=99, kind="clip", status="ready", videos=3, size=-4))
    assert correct_totals() > 0
    _check()
    assert correct_totals() == 0


def test_footage_of_a_confidential_incident_is_counted_for_its_readers_alone(
    app: Flask, library: Library
) -> None:
    library.source(b"1" * 1000, poster_size=0)
    video = library.incident(b"2" * 20, poster_size=0)
    incident = db.session.scalars(select(Incident).where(Incident.video_id == video.id)).one()
    with transaction() as session:
        session.add(ConfidentialIncident(incident_id=incident.id))
    assert stored_bytes() == 1020, "jobs see everything"
    with hidden_from(None):
        assert stored_bytes() == 1000


def test_lists_show_them(app: Flask, library: Library) -> None:
    library.source(b"1" * 1000, poster_size=0)
    library.source(b"2" * 10, poster_size=0, status=VideoStatus.FAILED, error_code="broken")
    assert count_sources(SYSTEM) == {"ready": 1, "failed": 1}
    nowhere = Actor(label="guest", site_ids=frozenset())
    assert count_sources(nowhere) == {}
    for wanted, number, size in (
        (SourceFilter(), 2, 1010), (SourceFilter(state="ready"), 1, 1000),
        (SourceFilter(state="preparing"), 0, 0), (SourceFilter(state="no such"), 0, 0),
        (SourceFilter(site_id=sites.default_site().id), 2, 1010), (SourceFilter(site_id=77), 0, 0),
        (SourceFilter(format="no such"), 0, 0),
    ):  # fmt: skip
        found = SourceList(SYSTEM, wanted).sum()
        assert (found.number, found.size) == (number, size), wanted


def test_a_video_without_triggers_would_be_noticed(app: Flask, library: Library) -> None:
    """A later migration that copies the table must make them again."""
    names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if db.engine.dialect.name == "postgresql":
        names = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    assert {f"videos_total_{event}" for event in ("insert", "update", "delete")} <= set(
        db.session.scalars(text(names))
    )
