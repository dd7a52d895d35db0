"""A source and an incident's video are deleted while a request about them is being answered."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import pytest
from flask import Flask

from tests.helpers import Person, csrf_token
from tests.interleaving import interleaved
from tests.library import Library
from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.models import Role, Video
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.links.links import token_of
from vigint_web.services.sources.sources import delete_source
from vigint_web.services.videos.lifecycle import detach_and_delete_video

pytestmark = pytest.mark.both_databases(reason="what a transaction sees of others that commit")

_FORM = {
    "recipients": "police@example.com",
    "period": "24",
    "seen": "new",
    "decision": "confirmed",
    "text": "A note",
    "kind": "police_called",
    "assignee": "1",
    "name": "Another name",
    "description": "Another description",
}


@dataclass
class Things:
    """A source, and an incident with its video."""

    source_id: str
    video_id: int
    arguments: dict[str, object]

    def delete(self, app: Flask) -> None:
        """Delete what is there of both, as another process does."""
        with app.app_context():
            with suppress(NotFound):
                delete_source(SYSTEM, self.source_id)
            video = db.session.get(Video, self.video_id)
            if video is not None:
                detach_and_delete_video(SYSTEM, video)


def _things(library: Library) -> Things:
    source = library.source()
    video = library.incident()
    incident, link = library.incident_of(video), library.person_link(video)
    arguments = {
        "source_id": source.source_id,
        "reference": incident.reference,
        "public_id": video.public_id,
        "video_id": video.public_id,
        "link_id": link.id,
        "token": token_of(link),
    }
    return Things(source.source_id, video.id, arguments)


def _routes(app: Flask, methods: set[str]) -> Iterator[tuple[str, str, list[str]]]:
    known = {"source_id", "reference", "public_id", "video_id", "link_id", "token"}
    for rule in app.url_map.iter_rules():
        if rule.arguments and rule.arguments <= known:
            for method in sorted((rule.methods or set()) & methods):
                yield rule.endpoint, method, sorted(rule.arguments)


@pytest.mark.parametrize(
    "methods",
    [
        pytest.param({"POST", "DELETE"}, id="changing"),
        pytest.param({"GET"}, id="reading", marks=pytest.mark.campaign),
    ],
)
def test_no_request_fails(
    app: Flask, people: Callable[[Role], Person], library: Library, methods: set[str]
) -> None:
    """Every route about them, with the deletion before each of its statements in turn."""
    admin = people(Role.ADMIN)
    form = {"csrf_token": csrf_token(admin.browser.get("/account").text), **_FORM}
    urls, wrong, tried = app.url_map.bind("vigint.test"), [], 0
    for endpoint, method, names in _routes(app, methods):
        for number in range(1, 200):
            things = _things(library)
            address = urls.build(endpoint, {name: things.arguments[name] for name in names})
            data = form if method == "POST" else None
            with interleaved(app, number, partial(things.delete, app)) as done:
                status = admin.browser.open(address, method=method, data=data).status_code
            if not done:
                things.delete(app)
                break
            tried += 1
            if status >= 500:
                wrong.append(f"{method} {endpoint}, statement {number}: {status}")
    assert not wrong, "\n".join(wrong)
    assert tried > 50
