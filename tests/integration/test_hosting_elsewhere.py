"""When another host shall take the clips: retries, refusals, and the local link in the end."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import Clock, Footage, incident_document, mails, post_incident, renew
from vigint_web.config import Config, ConfigError, load_config
from vigint_web.extensions import db
from vigint_web.models import Alert, AlertState, Hosting, HostingState
from vigint_web.services import hosting_elsewhere
from vigint_web.services.hosting_elsewhere import foreign_token, hosted_link
from vigint_web.services.reconcile import reconcile


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """Give a port at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: refused for as long as this lasts
        yield taken.getsockname()[1]


@pytest.fixture
def settings(silent_port: int) -> dict[str, str]:
    return {
        "SPARSE_AI_BASE_URL": f"http://127.0.0.1:{silent_port}",
        "SPARSE_AI_API_KEY": "an-example-key-of-a-test",
    }


def _only(table: type[Any]) -> Any:
    renew()
    return db.session.query(table).one()


def test_a_silent_host_is_asked_again_and_then_ours_goes_out(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    clock: Clock,
    config: Config,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    hosting = _only(Hosting)
    assert (hosting.state, hosting.attempt) == (HostingState.PENDING, 1)
    assert "could not be reached" in hosting.error
    assert _only(Alert).state == AlertState.WAITING
    assert not mails(config)
    clock.forward(seconds=10)
    reconcile()
    work()
    assert _only(Hosting).attempt == 2
    clock.forward(minutes=4)
    reconcile()
    work()
    assert _only(Hosting).state == HostingState.FAILED
    assert _only(Alert).state == AlertState.SENT
    [mail] = mails(config)
    assert "http://vigint.test/video/" in mail.as_string()


def test_without_anybody_to_tell_nothing_is_uploaded(
    client: FlaskClient, api_key: str, footage: Footage, work: Callable[[], None]
) -> None:
    post_incident(client, api_key, {**incident_document(footage.frames(3)), "alert": False})
    work()
    renew()
    assert db.session.query(Hosting).count() == 0


def test_a_host_without_a_key_is_a_mistake_of_configuration() -> None:
    with pytest.raises(ConfigError, match="no key for it"):
        load_config({"SPARSE_AI_BASE_URL": "https://host.example"})


def test_a_host_that_is_ourselves_is_none(config: Config) -> None:
    assert config.hosts_elsewhere
    same = load_config(
        {
            "VIGINT_DATA_DIR": str(config.data_dir),
            "VIGINT_BASE_URL": "https://here.example",
            "SPARSE_AI_BASE_URL": "https://here.example/",
        }
    )
    assert not same.hosts_elsewhere


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"success": False, "status_code": 403, "error": "no"}, HostingState.FAILED),
        ({"success": False, "status_code": 429, "error": "slowly"}, HostingState.PENDING),
        ({"success": False, "status_code": 503, "error": "later"}, HostingState.PENDING),
        ({"success": True}, HostingState.PENDING),
        ({"success": True, "private_link": "https://h.example/v?token=abc"}, HostingState.HOSTED),
    ],
)
def test_what_a_host_answers_decides(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    config: Config,
    answer: dict[str, Any],
    state: HostingState,
) -> None:
    monkeypatch.setattr(hosting_elsewhere, "_upload", lambda _hosting: answer)
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    hosting = _only(Hosting)
    assert hosting.state == state
    assert len(mails(config)) == (0 if state == HostingState.PENDING else 1)
    if state == HostingState.HOSTED:
        assert hosted_link(hosting) == answer["private_link"]
        assert "abc" not in hosting.sealed_link
        assert "https://h.example/v?token=abc" in mails(config)[0].as_string()


def test_the_secret_of_a_link_is_its_token() -> None:
    assert foreign_token("https://h.example/video/x?token=abc.d") == "abc.d"
    assert foreign_token("https://h.example/s/abc") == "https://h.example/s/abc"
