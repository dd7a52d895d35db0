"""Webhooks: real HTTP servers are called about alerts and videos, signed, retried, never
redirected.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from tests.helpers import (
    Clock,
    Footage,
    Person,
    incident_document,
    mails,
    path_of,
    post_incident,
    renew,
)
from tests.hooks import SECRET, Hook, listening
from vigint_web.config.config import Config
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import Link, Notification, NotificationState, Role
from vigint_web.services.alerting import webhooks
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.links import sharing
from vigint_web.services.notifications import delivery as notifications
from vigint_web.services.operations.reconciler import reconcile

pytestmark = pytest.mark.both_databases(reason="leases are taken by update")

Work = Callable[[], None]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as found:
        yield found


@pytest.fixture
def settings(hook: Hook) -> dict[str, str]:
    return {
        "VIGINT_WEBHOOK_URL": hook.url,
        "VIGINT_WEBHOOK_SECRET": SECRET,
        "VIGINT_WEBHOOK_ALLOW_PRIVATE": "yes",
    }


def _call() -> Notification:
    renew()
    calls = db.session.query(Notification).filter_by(channel="webhook")
    first = calls.order_by(Notification.id).first()
    assert first is not None
    return first


def test_an_alert_and_its_video_are_told_with_a_link_that_opens(
    client: FlaskClient, api_key: str, work: Work, footage: Footage, hook: Hook, config: Config
) -> None:
    accepted = post_incident(client, api_key, incident_document(footage.frames(3)))
    work()
    first, second = hook.calls
    assert (first.headers["Vigint-Event"], second.headers["Vigint-Event"]) == (
        "incident.alert",
        "video.ready",
    )
    for call in hook.calls:
        assert call.path == "/in/s3cr3t-path"
        assert call.is_signed()
        assert call.headers["Content-Type"].startswith("application/json")
        assert call.document["event"] == call.headers["Vigint-Event"]
        assert call.document["id"] == call.headers["Vigint-Delivery"]
        assert call.document["incident"]["reference"] == accepted["reference"]
        assert call.document["incident"]["site"] == "Magasin Lyon"
        assert call.document["incident"]["grouped_under"] is None
    assert first.headers["Vigint-Delivery"] != second.headers["Vigint-Delivery"]
    assert first.document["private_link"] == second.document["private_link"]
    assert first.document["private_link"] != accepted["private_link"], "it can be revoked alone"
    assert client.get(path_of(second.document["private_link"])).status_code == 200
    made = db.session.query(Link).filter(Link.recipient.contains("127.0.0.1")).one()
    with pytest.raises(Conflict):
        sharing.send_again(SYSTEM, made.id)
    status = client.get(
        f"/api/v1/incidents/{accepted['incident_id']}", headers={"X-API-Key": api_key}
    ).get_json()
    assert second.document["video"]["sha256"] == status["file_hash"]
    assert {delivery["channel"] for delivery in status["deliveries"]} == {"mail", "webhook"}
    assert status["done"] is True
    assert len(mails(config)) == 1, "the mail goes as without a webhook"


def test_the_signature_is_the_documented_one() -> None:
    body = b'{"event":"incident.alert"}'
    digest = hmac.new(b"key", b"1790000000." + body, hashlib.sha256).hexdigest()
    assert webhooks.signature("key", 1_790_000_000, body) == f"t=1790000000,v1={digest}"


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_failed_video_is_told_too_and_no_program_of_a_silent_incident(
    client: FlaskClient, api_key: str, work: Work, hook: Hook
) -> None:
    post_incident(client, api_key, incident_document([b"no image"]))
    work()
    assert [call.document["event"] for call in hook.calls] == ["incident.alert", "video.failed"]
    assert hook.calls[1].document["video"]["error_code"] == "no_usable_frame"
    hook.calls.clear()
    post_incident(client, api_key, incident_document([b"no image"], alert=False))
    work()
    assert hook.calls == []


def test_an_empty_list_of_recipients_silences_people_only(
    client: FlaskClient, api_key: str, work: Work, hook: Hook, config: Config
) -> None:
    post_incident(client, api_key, {"message": "m", "recipients": []})
    work()
    assert [call.document["event"] for call in hook.calls] == ["incident.alert"]
    assert not mails(config)


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_ready_source_is_told_without_a_token(
    people: Callable[[Role], Person], work: Work, footage: Footage, hook: Hook
) -> None:
    clip = footage.clip("told.mp4", seconds=1).read_bytes()
    assert people(Role.ADMIN).upload(("told.mp4", clip)).status_code == 302
    work()
    [call] = hook.calls
    assert call.document["event"] == "video.ready"
    assert call.document["source"]["source_id"] == "file_001"
    assert (call.document["incident"], call.document["private_link"]) == (None, None)
    assert b"token" not in call.body


def test_a_call_is_repeated_under_one_id_with_growing_pauses_and_a_new_time(
    client: FlaskClient, api_key: str, work: Work, hook: Hook, clock: Clock
) -> None:
    hook.answers = [(500, {}), (429, {"Retry-After": "600"}), (503, {})]
    post_incident(client, api_key, {"message": "m"})
    pauses = []
    for _ in range(3):
        work()
        call = _call()
        assert (call.state, call.lease_until) == (NotificationState.PENDING, None)
        assert call.next_attempt_at is not None
        pauses.append((call.next_attempt_at - clock.now()).total_seconds())
        clock.forward(seconds=pauses[-1] + 1)
        reconcile()
    work()
    assert [round(pause, -1) for pause in pauses] == [10, 600, 40]
    assert _call().state == NotificationState.SENT
    assert len({received.headers["Vigint-Delivery"] for received in hook.calls}) == 1
    assert len({received.headers["Vigint-Signature"] for received in hook.calls}) == 4
    assert len({received.body for received in hook.calls}) == 1


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
@pytest.mark.parametrize(
    ("status", "headers"),
    [(410, {}), (302, {"Location": "http://127.0.0.1:1/elsewhere"})],
)
def test_what_is_final_is_final_said_and_can_be_tried_again_by_hand(
    client: FlaskClient,
    api_key: str,
    work: Work,
    hook: Hook,
    people: Callable[[Role], Person],
    status: int,
    headers: dict[str, str],
) -> None:
    hook.answers = [(status, headers)]
    reference = post_incident(client, api_key, {"message": "m"})["reference"]
    work()
    call = _call()
    assert call.state == NotificationState.FAILED
    assert str(status) in (call.error or "")
    assert reconcile() == 0
    operator = people(Role.OPERATOR)
    page = operator.browser.get(f"/incidents/{reference}/").text
    assert f"retry-alert-{call.id}" in page
    assert "127.0.0.1" in page
    assert "s3cr3t" not in page, "the address may hold a secret"
    assert operator.post(f"/incidents/{reference}/alerts/{call.id}/retry").status_code == 302
    work()
    assert _call().state == NotificationState.SENT
    assert len(hook.calls) == 2, "no redirect was followed"


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_program_that_cannot_be_called_keeps_nobody_waiting(
    client: FlaskClient, api_key: str, work: Work, hook: Hook
) -> None:
    hook.answers = [(500, {})]
    reference = post_incident(client, api_key, {"message": "m"})["reference"]
    work()
    status = client.get(f"/api/v1/incidents/{reference}", headers={"X-API-Key": api_key})
    states = {one["channel"]: one["state"] for one in status.get_json()["deliveries"]}
    assert states == {"mail": "sent", "webhook": "pending"}
    assert status.get_json()["done"] is True


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_webhook_that_is_not_configured_any_more_gets_nothing(
    client: FlaskClient, api_key: str, work: Work, hook: Hook
) -> None:
    post_incident(client, api_key, {"message": "m"})
    db.session.query(Notification).filter_by(channel="webhook").update(
        {"recipient": "https://gone (1)"}, synchronize_session=False
    )
    db.session.commit()
    work()
    assert _call().state == NotificationState.FAILED
    assert hook.calls == []


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_no_log_line_and_no_row_holds_the_address_or_the_secret_or_the_token(
    client: FlaskClient,
    api_key: str,
    work: Work,
    footage: Footage,
    hook: Hook,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hook.answers = [(500, {}), (404, {})]
    post_incident(client, api_key, incident_document(footage.frames(2)))
    with caplog.at_level("DEBUG"):
        work()
    assert hook.calls
    link = hook.calls[0].document["private_link"]
    text = caplog.text + " ".join(str(vars(one)) for one in db.session.query(Notification))
    for secret in ("s3cr3t", SECRET, link.partition("token=")[2]):
        assert secret not in text


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_given_up_call_is_retried_by_whoever_may_only(
    client: FlaskClient, api_key: str, work: Work, hook: Hook
) -> None:
    hook.answers = [(400, {})]
    post_incident(client, api_key, {"message": "m"})
    work()
    notifications.retry_delivery(SYSTEM, _call().id)
    work()
    assert _call().state == NotificationState.SENT


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_day_later_a_call_is_given_up(
    client: FlaskClient, api_key: str, work: Work, hook: Hook, clock: Clock
) -> None:
    hook.answers = [(500, {})] * 2
    post_incident(client, api_key, {"message": "m"})
    work()
    clock.forward(hours=25)
    reconcile()
    work()
    assert _call().state == NotificationState.FAILED
