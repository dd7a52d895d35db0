"""Any Host header is answered: 400 with a sentence if it is invalid."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from tests.helpers import Person
from vigint_web.models import Role

BAD = ["a" * 64, "a..b", "", "a b", "xn--a", "::1", "é", "x" * 9_000, "a@b"]
PLACES = [
    "/", "/login", "/incidents/", "/sources/", "/people/", "/healthz", "/readyz", "/metrics",
    "/static/css/tokens.css", "/no/such/page", "/video/vid_1?token=x", "/stream/x/",
    "/api/video/x/", "/api/v1/sources", "/api/openapi.json",
]  # fmt: skip


def _ask(app: Flask, place: str, host: str | None, **options: Any) -> Response:
    """Send a request without Werkzeug's client, which fails on such a header itself."""
    builder = EnvironBuilder(place, **options)
    environ = builder.get_environ()
    builder.close()
    environ.pop("HTTP_HOST")
    if host is not None:
        environ["HTTP_HOST"] = host
    with app.app_context():
        return Response.from_app(app.wsgi_app, environ, buffered=True)


@pytest.mark.parametrize("host", BAD)
def test_what_is_no_host_is_refused_everywhere(
    app: Flask, people: Callable[[Role], Person], host: str
) -> None:
    session = people(Role.ADMIN).browser.get_cookie("vigint_session")
    assert session is not None
    for cookie in ("", f"vigint_session={session.value}"):
        for place in PLACES:
            answer = _ask(app, place, host, headers={"Cookie": cookie})
            assert answer.status_code == 400, f"{place} with Host {host[:70]!r}"
            assert "Host" in answer.get_data(as_text=True), f"{place} does not say what is wrong"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    posted = _ask(app, "/api/v1/incidents", host, method="POST", json={})
    assert posted.status_code == 400
    assert '"invalid_host"' in posted.get_data(as_text=True)


@pytest.mark.parametrize("host", ["[::1]:8000", "other.example", "vigint_web", "a" * 63])
def test_any_other_host_is_answered(client: FlaskClient, host: str) -> None:
    answer = client.get("/login", environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 200
    landed = client.get("/", environ_overrides={"HTTP_HOST": host})
    assert landed.headers["Location"].startswith("/login"), "an address was built of the header"


def test_a_request_of_http_1_0_has_no_host(app: Flask) -> None:
    assert _ask(app, "/healthz", None).status_code == 200
