"""Rotating the signing key: links stay valid, new ones use the new key, removal ends the
old ones.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from tests.helpers import Browser, close_pool
from tests.library import Library
from vigint_web import create_app
from vigint_web.cli import signing
from vigint_web.config.config import Config, load_config, secret_key_path
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Link
from vigint_web.services.links.links import token_of

pytestmark = pytest.mark.both_databases(reason="row locks")


@dataclass
class _Restarted:
    app: Flask

    def status(self, token: str) -> int:
        return Browser(self.app).get(f"/stream/{token}/").status_code

    def fresh_token(self) -> str:
        with self.app.app_context():
            return Library().person_token(Library().incident())


@pytest.fixture
def run(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """Provide a function that runs the command like a person on the server."""
    for name, value in _environment(config).items():
        monkeypatch.setenv(name, value)
    made: list[Flask] = []

    def remembered() -> Flask:
        made.append(create_app())
        return made[-1]

    monkeypatch.setattr(signing, "create_app", remembered)

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(signing.rotate_signing_key, arguments)

    yield command
    for app in made:
        with app.app_context():
            close_pool(db.engine)


def _environment(config: Config) -> dict[str, str]:
    return {
        "VIGINT_DATA_DIR": str(config.data_dir),
        "VIGINT_REDIS_URL": config.redis_url or "",
        "VIGINT_DATABASE_URL": config.database_url,
        "VIGINT_BASE_URL": config.base_url,
    }


@contextmanager
def _restarted(config: Config) -> Iterator[_Restarted]:
    app = create_app(load_config(_environment(config)))
    try:
        yield _Restarted(app)
    finally:
        with app.app_context():
            db.session.remove()
            close_pool(db.engine)


def test_links_live_through_a_rotation(
    app: Flask, config: Config, library: Library, run: Callable[..., Result]
) -> None:
    video = library.incident()
    before = library.person_token(video)
    done = run()
    assert done.exit_code == 0, done.output
    ring = secret_key_path(config.data_dir).read_text().split()
    assert len(ring) == 2
    assert not any(key in done.output for key in ring), "a key was printed"
    assert secret_key_path(config.data_dir).stat().st_mode & 0o777 == 0o600
    with _restarted(config) as again:
        assert again.status(before) == 200
        assert again.status(again.fresh_token()) == 200


def test_forgetting_the_old_key_ends_what_it_signed(
    app: Flask, config: Config, library: Library, run: Callable[..., Result]
) -> None:
    before = library.person_token(library.incident())
    run()
    with _restarted(config) as again:
        after = again.fresh_token()
    assert run("--forget-old").exit_code != 0, "it must ask"
    done = run("--forget-old", "--yes")
    assert done.exit_code == 0, done.output
    assert "2 links revoked" in done.output, "the mailed one and the detector's"
    with _restarted(config) as again:
        assert again.status(before) == 404, "no key verifies this token any longer"
        assert again.status(after) == 200
    actions = db.session.query(AuditEvent.action).all()
    assert ("signing_key:retired",) in actions


def test_nothing_older_nothing_to_forget(app: Flask, run: Callable[..., Result]) -> None:
    done = run("--forget-old", "--yes")
    assert done.exit_code != 0


def test_a_key_of_the_environment_is_the_operators_to_change(
    app: Flask,
    config: Config,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = "given by the environment, long enough"
    monkeypatch.setenv("VIGINT_SECRET_KEY", given)
    before = secret_key_path(config.data_dir).read_text()
    done = run()
    assert done.exit_code == 0, done.output
    assert "VIGINT_OLD_SECRET_KEYS" in done.output
    assert given not in done.output
    assert secret_key_path(config.data_dir).read_text() == before


def test_the_token_of_a_link_is_of_its_own_key_only(
    app: Flask, config: Config, library: Library, run: Callable[..., Result]
) -> None:
    """The newer key could sign the same handle: such a token is not the link's."""
    library.person_token(library.incident())
    run()
    with _restarted(config) as again, again.app.app_context():
        link = db.session.query(Link).order_by(Link.id.desc()).first()
        assert link is not None
        genuine = token_of(link)
        link.signing_key = None
        twin = again.app.extensions["vigint"].tokens.mint(link.handle, link.minted_at)
        assert twin != genuine
        assert again.status(twin) == 404
        db.session.rollback()
        assert again.status(genuine) == 200
