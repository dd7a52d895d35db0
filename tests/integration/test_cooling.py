"""The cool-down: every report is an incident, one mail covers all repeats, none is lost."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from flask import Flask
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
from tests.library import ACTOR
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.mail import messages
from vigint_web.mail.messages import MailRefused
from vigint_web.models import (
    ApiKey,
    Incident,
    Link,
    Mail,
    Notification,
    NotificationKind,
    NotificationState,
    Role,
)
from vigint_web.services.links import links
from vigint_web.services.notifications import delivery, sent_mails
from vigint_web.services.operations.reconciler import reconcile
from vigint_web.services.processing import pipeline

pytestmark = pytest.mark.both_databases(reason="upserts and row locks")

Work = Callable[[], None]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"VIGINT_ALERT_COOLDOWN_SECONDS": "60"}


def _document(**data: Any) -> dict[str, Any]:
    facts = {"incident_type": "Vol", "camera": "Quai 2", "risk_level": "MEDIUM"}
    return {"message": "Alarme", "incident_data": facts | data}


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def _sent(config: Config) -> list[EmailMessage]:
    """Return the mails in the order in which they were sent."""
    renew()
    order = [mail.message_id for mail in db.session.query(Mail).order_by(Mail.id)]
    return sorted(mails(config), key=lambda mail: order.index(mail["Message-ID"]))


def _status(client: FlaskClient, key: str, reference: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/incidents/{reference}", headers={"X-API-Key": key})
    return dict(answer.get_json())


def _end_of_span(clock: Clock, work: Work) -> None:
    clock.forward(seconds=61)
    reconcile()
    work()


def test_the_first_is_told_at_once_and_the_others_together(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    posted = [
        post_incident(client, api_key, _document(incident_type=kind))
        for kind in ("Vol", "vol ", " VOL")
    ]
    first, second, third = (one["reference"] for one in posted)
    assert [one["grouped_under"] for one in posted] == [None, first, first]
    work()
    reconcile()
    work()
    [mail] = mails(config)
    assert first in _text(mail)
    status = _status(client, api_key, second)
    assert (status["deliveries"][0]["state"], status["grouped_under"]) == ("gathered", first)
    assert status["done"] is True, "nothing more is done for this one alone"
    assert _status(client, api_key, first)["done"] is True, "its own mail was sent"
    assert len(_status(client, api_key, first)["deliveries"]) == 1
    _end_of_span(clock, work)
    _, gathered = _sent(config)
    assert gathered["Subject"] == "🚨 Alerte Vigint - Vol - [MEDIUM] - 2 répétitions"
    assert gathered["References"] == mail["Message-ID"]
    text = _text(gathered)
    assert (second in text, third in text) == (True, True)
    assert [d["state"] for d in _status(client, api_key, third)["deliveries"]] == ["sent"]
    for _ in range(2):
        _end_of_span(clock, work)
    assert len(mails(config)) == 2
    again = post_incident(client, api_key, _document())
    assert again["grouped_under"] is None, "the span is over"
    work()
    assert len(mails(config)) == 3


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_without_repeats_there_is_one_mail(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    post_incident(client, api_key, _document())
    work()
    _end_of_span(clock, work)
    assert len(mails(config)) == 1


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_repeats_have_footage_and_links_of_their_own_and_the_outbox_keeps_no_token(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock, footage: Footage
) -> None:
    document = incident_document(footage.frames(2))
    for _ in range(3):
        post_incident(client, api_key, document)
    work()
    _end_of_span(clock, work)
    first, gathered = _sent(config)
    addresses = re.findall(r"http://vigint\.test/video/\S+", _text(gathered))
    assert len(set(addresses)) == 2
    for address in addresses:
        assert client.get(path_of(address)).status_code == 200
    assert not set(addresses) & set(re.findall(r"http://\S+", _text(first)))
    html = gathered.get_body(("html",))
    assert html is not None
    assert all(address in html.get_content().replace("&amp;", "&") for address in addresses)
    [row] = db.session.query(Mail).filter(Mail.subject.contains("répétitions"))
    for link in db.session.query(Link):
        assert links.token_of(link).encode() not in row.content
    opened = sent_mails.open_mail(ACTOR, row.id)
    assert all(address in opened.text for address in addresses), "as it was sent"


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_other_cameras_other_types_and_other_places_are_no_repeats(
    client: FlaskClient, api_key: str, key_row: ApiKey
) -> None:
    for data in (
        {},
        {"camera": "Quai 3"},
        {"incident_type": "Intrusion"},
        {"camera": None},
        {"camera": None, "incident_type": "Intrusion"},
    ):
        assert post_incident(client, api_key, _document(**data))["grouped_under"] is None
    assert post_incident(client, api_key, _document(camera=None))["grouped_under"] is not None


def test_a_higher_risk_breaks_through_and_begins_a_span_of_its_own(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    posted = [
        post_incident(client, api_key, _document(risk_level=risk))
        for risk in ("MEDIUM", "LOW", "MEDIUM", "CRITICAL", "HIGH", "CRITICAL")
    ]
    first, worse = posted[0]["reference"], posted[3]["reference"]
    assert [one["grouped_under"] for one in posted] == [None, first, first, None, worse, worse]
    work()
    assert [mail["Subject"][-10:] for mail in _sent(config)] == ["- [MEDIUM]", "[CRITICAL]"]
    _end_of_span(clock, work)
    assert [mail["Subject"].partition(" - ")[2] for mail in _sent(config)[2:]] == [
        "Vol - [MEDIUM] - 2 répétitions",
        "Vol - [CRITICAL] - 2 répétitions",
    ]


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_a_risk_that_is_not_specified_ranks_between_medium_and_high(
    client: FlaskClient, api_key: str, work: Work, config: Config
) -> None:
    posted = [
        post_incident(client, api_key, _document(risk_level=risk))
        for risk in ("MEDIUM", None, "MEDIUM", "HIGH", None)
    ]
    first, unknown, _, high, _ = (one["reference"] for one in posted)
    assert [one["grouped_under"] for one in posted] == [None, None, unknown, None, high], first
    work()
    assert _sent(config)[1]["Subject"] == "🚨 Alerte Vigint - Vol - [non précisé]"


def test_whoever_was_not_told_of_the_first_is_told_at_once(
    client: FlaskClient, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    post_incident(client, api_key, _document() | {"recipients": ["a@example.com"]})
    both = _document() | {"recipients": ["a@example.com", "b@example.com"]}
    repeats = [post_incident(client, api_key, both)["reference"] for _ in range(2)]
    work()
    assert sorted(mail["To"] for mail in mails(config)) == ["a@example.com", "b@example.com"]
    _end_of_span(clock, work)
    texts = {mail["To"]: _text(mail) for mail in _sent(config)[2:]}
    assert all(one in texts["a@example.com"] for one in repeats)
    assert repeats[0] not in texts["b@example.com"], "that one had a mail of its own"
    assert repeats[1] in texts["b@example.com"]


def test_a_repeated_request_is_no_repeat(client: FlaskClient, api_key: str) -> None:
    answers = [
        post_incident(client, api_key, _document(), Idempotency_Key=word)
        for word in ("a", "a", "b", "b")
    ]
    assert [one["grouped_under"] for one in answers] == [
        None, None, answers[0]["reference"], answers[0]["reference"],
    ]  # fmt: skip
    assert db.session.query(Incident).count() == 2


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_test_alerts_are_never_gathered(people: Callable[[Role], Person]) -> None:
    for _ in range(2):
        assert people(Role.ADMIN).post("/test-alert").status_code == 302
    assert [one.grouped_under_id for one in db.session.query(Incident)] == [None, None]
    assert {one.state for one in db.session.query(Notification)} == {NotificationState.WAITING}


def test_of_many_at_the_same_moment_one_is_the_first(
    app: Flask, api_key: str, work: Work, config: Config, clock: Clock
) -> None:
    several = 8
    together = threading.Barrier(several)
    done: list[dict[str, Any]] = []

    def post() -> None:
        client = app.test_client()
        together.wait(10)
        done.append(post_incident(client, api_key, _document()))

    with ThreadPoolExecutor(several) as pool:
        for one in [pool.submit(post) for _ in range(several)]:
            one.result(60)
    [first] = [one["reference"] for one in done if one["grouped_under"] is None]
    assert {one["grouped_under"] for one in done} == {None, first}
    work()
    assert len(mails(config)) == 1
    _end_of_span(clock, work)
    _, gathered = _sent(config)
    assert f"{several - 1} répétitions" in gathered["Subject"]
    assert all(one["reference"] in _text(gathered) for one in done)


def test_a_repeat_that_comes_while_the_mail_is_on_its_way_is_told_by_another(
    client: FlaskClient,
    api_key: str,
    work: Work,
    config: Config,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post_incident(client, api_key, _document())
    post_incident(client, api_key, _document())
    work()
    clock.forward(seconds=59)
    late: list[str] = []
    real = messages.send

    def slow(message: Any, settings: Config) -> str:
        if not late:
            late.append(post_incident(client, api_key, _document())["reference"])
        return real(message, settings)

    monkeypatch.setattr(delivery, "send", slow)
    [summary] = db.session.query(Notification).filter_by(kind=NotificationKind.REPEATS)
    summary.next_attempt_at = clock.now()
    db.session.commit()
    delivery.deliver_alert(summary.id)
    _end_of_span(clock, work)
    texts = [_text(mail) for mail in _sent(config)]
    assert [late[0] in text for text in texts] == [False, False, True]
    assert {notification.state for notification in db.session.query(Notification)} == {
        NotificationState.SENT
    }


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_the_mail_waits_for_clips_that_are_being_made_but_not_for_ever(
    client: FlaskClient, api_key: str, config: Config, clock: Clock, footage: Footage, work: Work
) -> None:
    document = incident_document(footage.frames(2))
    first, second, third = (post_incident(client, api_key, document)["reference"] for _ in range(3))
    videos = {one.reference: one.video_id or 0 for one in db.session.query(Incident)}
    pipeline.process_video(videos[first])
    pipeline.process_video(videos[second])
    renew()

    def deliver() -> list[EmailMessage]:
        renew()
        for notification in (
            db.session.query(Notification).filter_by(state=NotificationState.PENDING).all()
        ):
            delivery.deliver_alert(notification.id)
        return _sent(config)[1:]

    deliver()
    clock.forward(seconds=61)
    assert deliver() == [], "one is still being made"
    clock.forward(seconds=130)
    [gathered] = deliver()
    assert (second in _text(gathered), third in _text(gathered)) == (True, False)
    pipeline.process_video(videos[third])
    clock.forward(seconds=6)
    [_, late] = deliver()
    assert third in _text(late)
    assert "/video/" in _text(late)


def test_a_mail_about_several_that_is_refused_fails_them_all_and_can_be_sent_again(
    client: FlaskClient,
    api_key: str,
    work: Work,
    config: Config,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    people: Callable[[Role], Person],
) -> None:
    posted = [post_incident(client, api_key, _document())["reference"] for _ in range(3)]
    work()

    def refuse(*_: Any) -> str:
        raise MailRefused("550 no")

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "send", refuse)
        _end_of_span(clock, work)
    deliveries = _status(client, api_key, posted[1])["deliveries"]
    assert [(one["state"], one["error"]) for one in deliveries] == [("failed", "550 no")]
    [summary] = db.session.query(Notification).filter_by(kind=NotificationKind.REPEATS)
    operator = people(Role.OPERATOR)
    path = f"/incidents/{posted[0]}/alerts/{summary.id}/retry"
    assert operator.post(path).status_code == 302
    work()
    assert all(_status(client, api_key, one)["deliveries"][0]["state"] == "sent" for one in posted)


@pytest.mark.only_sqlite(reason="the other tests ask both databases the same")
def test_pages_show_what_belongs_together(
    client: FlaskClient, api_key: str, people: Callable[[Role], Person]
) -> None:
    first, second, third = (
        post_incident(client, api_key, _document())["reference"] for _ in range(3)
    )
    browser = people(Role.VIEWER).browser
    listed = browser.get("/incidents/").text
    assert listed.count('class="inbox-row edge-') == 1, "its repeats are below it"
    assert ">×3<" in listed
    assert [listed.count(f"/incidents/{name}/") for name in (second, third)] == [1, 1]
    page = browser.get(f"/incidents/{first}/").text
    assert f'href="/incidents/{second}/"' in page
    assert f'href="/incidents/{third}/"' in page
    assert f'href="/incidents/{first}/"' in browser.get(f"/incidents/{third}/").text


@pytest.mark.campaign
class TestManyHands:
    """Detectors post while workers send, concurrently: every report is mailed once."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"VIGINT_ALERT_COOLDOWN_SECONDS": "1"}

    def test_every_report_is_told_of_exactly_once(
        self, app: Flask, api_key: str, config: Config
    ) -> None:
        posted: list[str] = []
        over = threading.Event()

        def post(number: int) -> None:
            client = app.test_client()
            for turn in range(25):
                data = _document(risk_level="CRITICAL" if turn == 12 else "LOW")
                data["message"] = f"{number}-{turn}"
                posted.append(post_incident(client, api_key, data)["reference"])

        def send() -> None:
            while not over.is_set():
                with app.app_context():
                    for alert_id, _ in delivery.due_notifications():
                        delivery.deliver_alert(alert_id)
                    db.session.rollback()

        with ThreadPoolExecutor(9) as pool:
            senders = [pool.submit(send) for _ in range(3)]
            for one in [pool.submit(post, number) for number in range(6)]:
                one.result(120)
            deadline = time.monotonic() + 120
            while self._untold():
                assert time.monotonic() < deadline, "a report was never mailed"
            over.set()
            for one in senders:
                one.result(30)
        mailed = Counter(
            found
            for mail in mails(config)
            for found in set(re.findall(r"^Incident (INC-\S+)\r?$", _text(mail), re.MULTILINE))
        )
        assert mailed == Counter(posted)
        assert len(posted) == 150
        assert len(mails(config)) < 150, "nothing was gathered"

    def _untold(self) -> bool:
        renew()
        open_ones = (
            db.session.query(Notification)
            .filter(Notification.state != NotificationState.SENT)
            .count()
        )
        renew()
        return open_ones > 0


class TestOff:
    """Without a cool-down every report is mailed separately."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"VIGINT_ALERT_COOLDOWN_SECONDS": "0"}

    def test_every_report_has_its_mail(
        self, client: FlaskClient, api_key: str, work: Work, config: Config
    ) -> None:
        for _ in range(3):
            assert post_incident(client, api_key, _document())["grouped_under"] is None
        work()
        assert len(mails(config)) == 3


def _seen(clock: Clock, **ago: float) -> dict[str, Any]:
    return _document(detected_at=(clock.now() - timedelta(**ago)).isoformat())


def test_alerts_hours_apart_are_no_repeats_however_close_they_arrive(
    client: FlaskClient, api_key: str, clock: Clock
) -> None:
    posted = [post_incident(client, api_key, _seen(clock, hours=hours)) for hours in (9, 3, 6, 0)]
    assert [one["grouped_under"] for one in posted] == [None] * 4


def test_a_late_one_joins_the_span_in_which_it_was_detected(
    client: FlaskClient, api_key: str, clock: Clock
) -> None:
    first = post_incident(client, api_key, _seen(clock, minutes=5))["reference"]
    newer = post_incident(client, api_key, _seen(clock, minutes=0))["reference"]
    after = post_incident(client, api_key, _seen(clock, minutes=5, seconds=-20))
    before = post_incident(client, api_key, _seen(clock, minutes=5, seconds=20))
    assert (after["grouped_under"], before["grouped_under"]) == (first, first)
    too_wide = post_incident(client, api_key, _seen(clock, minutes=5, seconds=45))
    assert too_wide["grouped_under"] is None, "it is more than a minute before the last of them"
    future = post_incident(client, api_key, _seen(clock, hours=-5))
    assert future["grouped_under"] == newer, "a detection in the future counts by receipt"
