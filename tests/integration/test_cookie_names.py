"""Under https cookies belong to this host only; earlier ones stay valid."""

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient

from tests.helpers import csrf_token, log_in
from vigint_web.models import Role
from vigint_web.services.accounts import users
from vigint_web.services.core.actors import command_line

SESSION, DEVICE = "__Host-vigint_session", "__Host-vigint_device"
EMAIL, PASSWORD = "guard@example.com", "correct horse battery"
URL = "https://vigint.test"


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"VIGINT_BASE_URL": URL, **getattr(request, "param", {})}


@pytest.fixture
def secure(app: Flask) -> FlaskClient:
    """Give a browser that comes over https."""
    users.create_user(command_line("test"), EMAIL, PASSWORD, Role.OPERATOR)
    browser = app.test_client()
    browser.environ_base["wsgi.url_scheme"] = "https"
    browser.environ_base["HTTP_REFERER"] = f"{URL}/login"
    browser.environ_base["HTTP_HOST"] = "vigint.test"
    return browser


def _logged_in(browser: FlaskClient) -> bool:
    return browser.get("/account", base_url=URL).status_code == 200


def _log_in(browser: FlaskClient) -> list[str]:
    token = csrf_token(browser.get("/login", base_url=URL).text)
    form = {"csrf_token": token, "email": EMAIL, "password": PASSWORD}
    answer = browser.post("/login", data=form, base_url=URL)
    assert answer.status_code == 302, answer.text
    return answer.headers.getlist("Set-Cookie")


def test_cookies_are_of_this_host_alone(secure: FlaskClient) -> None:
    cookies = {line.partition("=")[0]: line for line in _log_in(secure)}
    assert set(cookies) == {SESSION, DEVICE}
    for name, line in cookies.items():
        assert "; Secure" in line, name
        assert "; HttpOnly" in line, name
        assert "; Path=/;" in f"{line};", f"{name} is not for all paths: browsers refuse it"
        assert "Domain" not in line, f"{name} names a domain: browsers refuse it"
    assert _logged_in(secure)


def _of_before(app: Flask, value: dict[str, object]) -> str:
    """Return a session's cookie as written before it had a prefix."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    written = serializer.dumps(value)
    return written if isinstance(written, str) else written.decode()


def _content(app: Flask, browser: FlaskClient) -> dict[str, object]:
    cookie = browser.get_cookie(SESSION, domain="vigint.test")
    assert cookie is not None
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]  # ours
    return dict(serializer.loads(cookie.value))


def test_a_session_of_before_goes_on_under_the_new_name(app: Flask, secure: FlaskClient) -> None:
    _log_in(secure)
    earlier = _of_before(app, _content(app, secure))
    browser = app.test_client()
    browser.set_cookie("vigint_session", earlier, domain="vigint.test", secure=True)
    assert _logged_in(browser), "the upgrade ended a session"
    browser.delete_cookie("vigint_session", domain="vigint.test")
    assert _logged_in(browser), "the session was not written anew"


def test_a_session_of_now_cannot_be_planted_under_the_name_of_before(
    app: Flask, secure: FlaskClient
) -> None:
    _log_in(secure)
    cookie = secure.get_cookie(SESSION, domain="vigint.test")
    assert cookie is not None
    browser = app.test_client()
    browser.set_cookie("vigint_session", cookie.value, domain="vigint.test", secure=True)
    assert not _logged_in(browser), "a neighbour's cookie was believed"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "max-age=31536000"),
        ({"VIGINT_HSTS_SUBDOMAINS": "yes"}, "max-age=31536000; includeSubDomains"),
    ],
    indirect=["settings"],
)
def test_subdomains_are_a_setting(client: FlaskClient, expected: str) -> None:
    assert client.get("/login").headers["Strict-Transport-Security"] == expected


@pytest.mark.parametrize("settings", [{"VIGINT_BASE_URL": "http://vigint.test"}], indirect=True)
def test_plain_http_has_the_plain_name(client: FlaskClient) -> None:
    users.create_user(command_line("test"), EMAIL, PASSWORD, Role.OPERATOR)
    log_in(client, EMAIL, PASSWORD)
    assert client.get_cookie("vigint_session") is not None
    assert client.get("/login").headers.get("Strict-Transport-Security") is None
