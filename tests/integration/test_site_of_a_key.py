"""A key created from the command line belongs to a known site; an unknown one is reported, or
added.
"""

import pytest
from flask import Flask

from tests.shell import Shell
from vigint_web.extensions import db
from vigint_web.models import ApiKey, AuditEvent, Site
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import command_line


@pytest.fixture
def shell(
    app: Flask, database: dict[str, str], queue_server: str, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    sites.default_site()
    sites.add_site(command_line(), "Rayon 4")
    db.session.remove()
    return Shell(monkeypatch, {**database, "VIGINT_REDIS_URL": queue_server})


def _site_of_the_newest() -> str:
    db.session.rollback()
    key = db.session.query(ApiKey).order_by(ApiKey.id.desc()).first()
    assert key is not None
    return db.session.get_one(Site, key.site_id).slug


def test_an_unknown_site_is_refused_and_the_known_ones_are_listed(shell: Shell) -> None:
    refusal = shell.is_refused("create-api-key", "camera", "--site", "lyon")
    assert "'lyon'" in refusal
    assert {"main", "rayon-4"} <= set(refusal.replace(",", "").replace(".", "").split())
    assert "--create-site" in refusal
    assert db.session.query(Site).count() == 2
    assert db.session.query(ApiKey).count() == 0


@pytest.mark.parametrize("named", ["rayon-4", "Rayon 4", "RAYON 4", " rayon-4 "])
def test_a_site_is_found_by_its_short_name_and_by_its_name(shell: Shell, named: str) -> None:
    for more in ([], ["--create-site"]):
        shell.does("create-api-key", "camera", "--site", named, *more)
        assert _site_of_the_newest() == "rayon-4"
    assert db.session.query(Site).count() == 2


def test_a_site_is_added_when_that_is_said_and_the_trail_tells(shell: Shell) -> None:
    shell.does("create-api-key", "camera", "--site", "Lyon", "--create-site")
    assert _site_of_the_newest() == "lyon"
    actions = [event.action for event in db.session.query(AuditEvent).order_by(AuditEvent.id)]
    assert actions[-2:] == ["site:added", "api_key:created"]


def test_adding_a_site_needs_its_name(shell: Shell) -> None:
    assert "--site NAME" in shell.is_refused("create-api-key", "camera", "--create-site")
