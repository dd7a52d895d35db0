"""Footage is deleted on its date, and the deletion is recorded."""

import os
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests.helpers import (
    Clock,
    Footage,
    incident_document,
    mails,
    path_of,
    post_incident,
    renew,
    stored_files,
)
from tests.library import Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Access, AuditEvent, Incident, Link, Source, Video
from vigint_web.services.core.runtime import storage
from vigint_web.services.retention import purge

pytestmark = pytest.mark.both_databases(reason="bulk deletion")

Work = Callable[[], None]


def test_an_incident_is_purged_on_its_date_with_a_record_of_it(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    config: Config,
    clock: Clock,
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(5)))
    work()
    client.get(path_of(accepted["private_link"]))
    digest = db.session.query(Video).one().original_sha256
    clock.forward(days=29, hours=23)
    assert purge.purge_due() == 0
    clock.forward(hours=2)
    assert purge.purge_due() == 1
    renew()
    assert stored_files(config) == []
    assert db.session.query(Video).count() == db.session.query(Link).count() == 0
    [access] = db.session.query(Access)
    assert access.link_id is None, "who saw it before stays in the log"
    event = db.session.query(AuditEvent).filter_by(action="video:purged").one()
    assert (event.actor, event.detail["sha256"]) == ("system", digest)
    assert client.get(path_of(accepted["private_link"])).status_code == 404
    status = client.get(
        f"/api/v1/incidents/{accepted['incident_id']}", headers={"X-API-Key": api_key}
    )
    assert status.status_code == 200, "the incident's facts are no footage"
    assert status.get_json()["private_link"] is None
    assert db.session.query(Incident).count() == 1
    assert purge.purge_due() == 0


def test_sources_are_kept_until_deleted(library: Library, clock: Clock) -> None:
    library.source()
    clock.forward(days=3650)
    assert purge.purge_due() == 0


class TestWithADateForSources:
    """With a retention of sources they are deleted too."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"VIGINT_SOURCE_RETENTION_DAYS": "2"}

    def test_sources_are_purged(self, library: Library, clock: Clock, config: Config) -> None:
        library.source()
        clock.forward(days=3)
        assert purge.purge_due() == 1
        renew()
        assert db.session.query(Source).count() == 0
        assert stored_files(config) == []


def test_a_persons_link_never_outlives_the_footage(library: Library) -> None:
    video = library.incident()
    assert video.purge_at is not None
    link = library.person_link(video, hours=24 * 365)
    assert link.expires_at == video.purge_at
    short = library.person_link(video, hours=1)
    assert short.expires_at == short.minted_at + timedelta(hours=1)


def test_what_a_dead_worker_left_is_swept_and_what_lives_is_not(
    library: Library, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = library.source()
    kept = stored_files(config)
    draft = storage().new_temp()
    draft.write_bytes(b"x")
    orphan = f"videos/{source.video.public_id}/a7/rendition.mp4"
    storage().publish(draft, orphan)
    workspace = config.temp_dir / "tmpx.work-1-1.abc"
    workspace.mkdir()
    (workspace / "half.mp4").write_bytes(b"x")
    young = storage().new_temp()
    assert purge.sweep_orphans() == 0, "all of it may still be under way"
    old = time.time() - 7 * 3600
    os.utime(workspace, (old, old))
    assert purge.sweep_orphans() == 0, "it is being written to"
    os.utime(workspace / "half.mp4", (old, old))
    monkeypatch.setattr(purge, "_ABANDONED_SECONDS", 6 * 3600)
    assert purge.sweep_orphans() == 1
    assert not workspace.exists()
    assert young.exists()
    monkeypatch.setattr(purge, "_ABANDONED_SECONDS", -1)
    purge.sweep_orphans()
    assert stored_files(config) == kept, "the orphan is gone, what a row names stays"


def test_mails_of_the_outbox_go_with_the_footage_they_tell_of(
    client: FlaskClient, api_key: str, work: Work, config: Config
) -> None:
    post_incident(client, api_key, {"message": "m"})
    work()
    assert purge.purge_outbox() == 0
    [path] = config.outbox_dir.glob("*.eml")
    old = time.time() - 31 * 86_400
    os.utime(path, (old, old))
    assert purge.purge_outbox() == 1
    assert mails(config) == []
    renew()
    assert db.session.query(AuditEvent).filter_by(action="outbox:purged").count() == 1
