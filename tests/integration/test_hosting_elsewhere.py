"""Hosting on another server: retries, refusals, and finally the local link."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    post_incident,
    renew,
)
from vigint_client.video_links import VideoLinkService
from vigint_web.config.config import Config, load_config
from vigint_web.extensions import db
from vigint_web.models import (
    Hosting,
    HostingState,
    Notification,
    NotificationKind,
    NotificationState,
    Role,
    Video,
)
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.hosting import remote
from vigint_web.services.hosting.remote import foreign_token, hosted_link
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.videos.lifecycle import detach_and_delete_video

pytestmark = pytest.mark.both_databases(reason="leases are taken by update")
ONE_DATABASE = pytest.mark.only_sqlite(reason="others here ask of the database what it asks")


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """Provide a port without a listener."""
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
    assert _only(Notification).state == NotificationState.WAITING
    assert not mails(config)
    clock.forward(seconds=10)
    reconcile()
    work()
    assert _only(Hosting).attempt == 2
    clock.forward(minutes=4)
    reconcile()
    work()
    assert _only(Hosting).state == HostingState.FAILED
    assert _only(Notification).state == NotificationState.SENT
    [mail] = mails(config)
    assert "http://vigint.test/video/" in mail.as_string()


@ONE_DATABASE
def test_without_anybody_to_tell_nothing_is_uploaded(
    client: FlaskClient, api_key: str, footage: Footage, work: Callable[[], None]
) -> None:
    post_incident(client, api_key, {**incident_document(footage.frames(3)), "alert": False})
    work()
    renew()
    assert db.session.query(Hosting).count() == 0


@pytest.mark.parametrize("key", ["", "your_api_key_here", "changeme"])
def test_a_host_without_a_real_key_hosts_nothing(tmp_path: Path, key: str) -> None:
    found = load_config(
        {
            "VIGINT_DATA_DIR": str(tmp_path),
            "SPARSE_AI_BASE_URL": "https://host.example",
            "SPARSE_AI_API_KEY": key,
        }
    )
    assert not found.hosts_elsewhere
    [warning] = [one for one in found.warnings if "SparseAI" in one]
    assert "hosted here" in warning


@ONE_DATABASE
def test_the_home_page_says_that_videos_leave_this_machine(
    people: Callable[[Role], Person],
) -> None:
    answer = people(Role.ADMIN).browser.get("/", headers={"Accept-Language": "en"})
    notices = [part.partition("</p>")[0] for part in answer.text.split('data-part="notice-')[1:]]
    [hosting] = [notice for notice in notices if notice.startswith("hosting")]
    assert "leave this server" in hosting
    assert "mail" not in hosting, "that of another part"


def _post(client: FlaskClient, key: str, footage: Footage) -> None:
    post_incident(client, key, incident_document(footage.frames(3)))


def test_an_alert_waits_15_seconds_once_and_not_for_a_host_known_to_be_away(
    client: FlaskClient, api_key: str, footage: Footage, work: Callable[[], None], clock: Clock,
    config: Config,
) -> None:  # fmt: skip
    _post(client, api_key, footage)
    work()
    assert not mails(config)
    clock.forward(seconds=6)
    reconcile()
    work()
    assert not mails(config), "it waits for the host"
    clock.forward(seconds=6.5)
    reconcile()
    work()
    assert len(mails(config)) == 1, "the local link is mailed before 15 seconds have passed"
    _post(client, api_key, footage)
    work()
    assert len(mails(config)) == 2, "no alert waits for a host that timed out before"
    clock.forward(minutes=6)
    _post(client, api_key, footage)
    work()
    assert len(mails(config)) == 2, "it may be back"


def test_a_success_that_comes_too_late_is_deleted_there(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    clock: Clock,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deleted: list[str] = []
    answers: list[dict[str, Any]] = [
        {"success": False, "error": "it could not be reached"},
        {"success": False, "status_code": 404, "error": "there is none"},
        {"success": True},
    ]

    def late(_hosting: Hosting) -> dict[str, Any]:
        clock.forward(seconds=14)
        assert remote.due_hostings() == [], "one attempt is under way"
        remote.release_overdue()
        assert remote.due_hostings() == [], "nothing is deleted before it is there"
        return {"success": True, "private_link": "https://h.example/v?token=abc", "video_id": "v"}

    def delete(_self: object, video_id: str) -> dict[str, Any]:
        deleted.append(video_id)
        return answers[len(deleted) - 1]

    monkeypatch.setattr(remote, "_upload", late)
    monkeypatch.setattr(VideoLinkService, "delete_video", delete)
    _post(client, api_key, footage)
    work()
    for _ in range(4):
        clock.forward(minutes=4)
        reconcile()
        work()
    [mail] = mails(config)
    assert "http://vigint.test/video/" in mail.as_string(), "the link of this server"
    hosting = _only(Hosting)
    assert deleted == [hosting.incident.video.public_id] * 3, "until it is said to be gone"
    assert (hosting.state, hosting.next_attempt_at) == (HostingState.FAILED, None)


def test_a_video_deleted_while_its_host_is_asked_loses_no_alert(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    clock: Clock,
    config: Config,
) -> None:
    post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    assert _only(Hosting).state == HostingState.PENDING
    detach_and_delete_video(SYSTEM, _only(Video))
    renew()
    clock.forward(minutes=4)
    reconcile()
    work()
    assert _only(Hosting).state == HostingState.FAILED
    assert (_only(Notification).state, _only(Notification).kind) == (
        NotificationState.SENT,
        NotificationKind.TEXT_ONLY,
    )
    [mail] = mails(config)
    assert "/video/" not in mail.as_string()


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
@ONE_DATABASE
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
    monkeypatch.setattr(remote, "_upload", lambda _hosting: answer)
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


def test_the_other_host_is_told_nothing_that_an_older_one_refuses(
    client: FlaskClient,
    api_key: str,
    footage: Footage,
    work: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploaded: list[dict[str, Any]] = []

    def upload(_self: object, _clip: object, facts: dict[str, Any], _hours: int) -> dict[str, Any]:
        uploaded.append(facts)
        return {"success": False, "status_code": 404, "error": "gone"}

    monkeypatch.setattr(VideoLinkService, "upload_video", upload)
    document = incident_document(footage.frames(2))
    del document["incident_data"]["risk_level"]
    post_incident(client, api_key, document)
    work()
    assert "risk_level" not in uploaded[0]
    assert uploaded[0]["incident_type"] == "Vol à l'étalage"
