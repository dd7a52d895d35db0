"""The migration of people keeps all users, up and down."""

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import PASSWORD
from tests.library import ACTOR
from vigint_web.extensions import db
from vigint_web.models import Role
from vigint_web.services.accounts import sites, users

pytestmark = pytest.mark.both_databases(reason="migrations")

_AT = "2026-01-02 03:04:05+00:00"


def _rows(statement: str) -> list[tuple[object, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_nobody_is_lost_on_the_way_up(app: Flask) -> None:
    site = sites.default_site()
    user = users.create_user(ACTOR, "a@example.com", PASSWORD, Role.OPERATOR, site)
    kept, user_id = user.password_hash, user.id
    db.session.rollback()
    flask_migrate.downgrade(revision="0003")
    [(nonce, old_hash)] = _rows("SELECT session_nonce, password_hash FROM users")
    assert len(str(nonce)) == 16, "older programs find a value of their own for each person"
    assert old_hash == kept
    with db.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO api_keys (site_id, name, prefix, key_hash, scopes, created_at)"
                " VALUES (:site, 'k', 'vgk_x', 'h', 'ingest', :at)"
            ),
            {"site": site.id, "at": _AT},
        )
    flask_migrate.upgrade()
    assert _rows("SELECT id, email, password_hash, totp_secret FROM users") == [
        (user_id, "a@example.com", kept, None)
    ]
    assert _rows("SELECT user_id, site_id FROM user_sites") == [(user_id, site.id)]
    assert _rows("SELECT name, expires_at, created_by FROM api_keys") == [("k", None, None)]
    assert users.authenticate("a@example.com", PASSWORD) is not None


def test_whoever_has_no_password_has_none_on_the_way_down(app: Flask) -> None:
    users.create_user(ACTOR, "a@example.com", PASSWORD, Role.OPERATOR)
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE users SET password_hash = NULL"))
    db.session.rollback()
    flask_migrate.downgrade(revision="0003")
    assert _rows("SELECT password_hash FROM users") == [("!",)]
    flask_migrate.upgrade()
    assert users.authenticate("a@example.com", PASSWORD) is None
    assert users.authenticate("a@example.com", "!") is None
