"""An address of every route, for tests that iterate over all of them."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.conftest import PASSWORD
from tests.helpers import post_incident
from tests.library import ACTOR, Library
from vigint_web.config.config import Config
from vigint_web.models import Role
from vigint_web.services.accounts import sessions, sites, users
from vigint_web.services.core.actors import Visitor
from vigint_web.services.uploads import uploads

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes_of(app: Flask) -> list[Rule]:
    """Return every route."""
    return list(app.url_map.iter_rules())


def methods_of(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield endpoint and method of all permitted requests."""
    for rule in routes_of(app):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method


@pytest.fixture
def urls(
    app: Flask,
    library: Library,
    client: FlaskClient,
    api_key: str,
    work: Callable[[], None],
    config: Config,
) -> dict[str, str]:
    """Return an address of every route, with arguments of existing things."""
    post_incident(client, api_key, {"message": "m"})
    work()
    source, video = library.source(), library.incident()
    library.look_over(video)
    token = library.program_token(source)
    somebody = users.create_user(ACTOR, "somebody@example.com", PASSWORD, Role.VIEWER)
    sessions.begin_session(somebody, Visitor("192.0.2.1", "browser"), ["password"])
    arguments: dict[str, object] = {
        "source_id": source.source_id,
        "reference": library.incident_of(video).reference,
        "public_id": video.public_id,
        "code": "animal",
        "video_id": video.public_id,
        "alert_id": 1,
        "link_id": 1,
        "token": token,
        "upload_id": uploads.begin(ACTOR, uploads.Announced(5, "clip.mp4")).public_id,
        "mail_id": 1,
        "user_id": somebody.id,
        "session_id": somebody.session_id,
        "site_id": source.site_id,
        "camera_id": library.incident_of(video).camera_id,
        "key_id": library.key(sites.default_site()).id,
        "filename": "css/frame.css",
        "name": "days",
        "part": "clip",
        "kind": "sites",
    }
    built = {}
    urls_of = app.url_map.bind("vigint.test")
    for rule in routes_of(app):
        needed = {name: arguments[name] for name in rule.arguments}
        method = next(iter(sorted((rule.methods or set()) & (UNSAFE | {"GET"}))), "OPTIONS")
        built[rule.endpoint] = urls_of.build(rule.endpoint, needed, method=method)
    token = library.person_token(video)
    for endpoint in ("player.page", "player.state"):
        built[endpoint] += f"?token={token}"
    return built
