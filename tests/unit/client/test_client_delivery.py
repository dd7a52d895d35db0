"""Alerts that the server did not accept: kept, mailed, and delivered later, each once."""

import datetime as dt
import errno
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.client.client_mailbox import Mailbox
from tests.unit.client.fake_vigint import FakeClock, FakeVigint, Fault
from vigint_client.alerts import AlertManager
from vigint_client.config import ServerSettings
from vigint_client.delivery import Courier, Outcome, is_refused_as_a_whole
from vigint_client.errors import ClientError, ConfigError
from vigint_client.results import Result
from vigint_client.retries import ONCE
from vigint_client.spool import Spool
from vigint_client.spool_config import SpoolSettings

CHECKOUT = Path(__file__).resolve().parents[3]
PATIENCE = 10.0
INCIDENTS = "/api/v1/incidents"

MakeManager = Callable[..., AlertManager]
Send = Callable[..., Result]
Flush = Callable[..., list[Outcome]]


def test_an_alert_that_nobody_takes_is_kept_and_delivered_as_it_was(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool, png: bytes,
) -> None:  # fmt: skip
    vigint.down()
    frames = [{"frame_data": png, "timestamp": 100.0 + number} for number in range(3)]
    result = send(
        "Theft", frames=frames, incident_data={"camera": "Till"}, recipients="a@b.example"
    )
    assert result["success"] is False
    assert (result["spooled"], result["frames_kept"]) == (True, 3)
    assert result["fallback_used"] == "spool"
    assert "python -m vigint_client flush" in result["error"]
    assert len(spool.names()) == 1
    (outcome,) = courier()
    assert (outcome.state, outcome.said) == ("sent", "INC-inc1")
    first, second = vigint.posts()
    assert first.json() | {"kept_since": second.json()["kept_since"]} == second.json()
    assert [part[1:] for part in first.parts[1:]] == [part[1:] for part in second.parts[1:]]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert list(spool.folder.iterdir()) == []


def test_an_accepted_alert_leaves_nothing_on_the_disk(
    vigint: FakeVigint, make_manager: MakeManager, spool: Spool, spool_settings: SpoolSettings,
    png: bytes,
) -> None:  # fmt: skip
    manager = make_manager(spool=spool_settings)
    assert manager.send_security_alert_with_video("m", [png])["success"]
    assert not spool.folder.exists(), "not even the folder, as long as nothing goes wrong"
    vigint.down()
    result = manager.send_security_alert_with_video("m", [png])
    assert result["success"]
    assert "spooled" not in result
    assert list(spool.folder.iterdir()) == []


def test_an_alert_is_on_the_disk_while_it_is_tried_again(
    vigint: FakeVigint, make_manager: MakeManager, spool: Spool, spool_settings: SpoolSettings,
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, png: bytes,
) -> None:  # fmt: skip
    seen: list[tuple[int, object]] = []

    def look(seconds: float) -> None:
        FakeClock.sleep(clock, seconds)
        (name,) = spool.names()
        seen.append((len(vigint.posts()), spool.claim(name)))

    monkeypatch.setattr(clock, "sleep", look)
    vigint.down(2)
    assert make_manager(spool=spool_settings).send_security_alert_with_video("m", [png], wait=0)[
        "success"
    ]
    assert seen == [(1, None), (2, None)], "kept, and locked for other processes"


def test_an_answer_that_was_lost_makes_no_second_incident(
    vigint: FakeVigint, send: Send, courier: Flush
) -> None:
    vigint.faults.append(Fault("cut"))
    assert send()["spooled"]
    assert [outcome.state for outcome in courier()] == ["sent"]
    assert len(vigint.incidents) == 1


def test_the_oldest_is_delivered_first(vigint: FakeVigint, send: Send, courier: Flush) -> None:
    vigint.down(5)
    for number in range(5):
        send(str(number))
    vigint.received.clear()
    assert [outcome.state for outcome in courier()] == ["sent"] * 5
    assert vigint.messages() == list("01234")


def test_a_server_that_is_still_away_is_asked_for_one_alert_only(
    vigint: FakeVigint, send: Send, courier: Flush,
    clock: FakeClock,
) -> None:  # fmt: skip
    vigint.down(3)
    for number in range(3):
        send(str(number))
    vigint.received.clear()
    vigint.faults.extend([Fault(status=503, headers={"Retry-After": "40"})] * 9)
    assert [outcome.state for outcome in courier()] == ["kept"] * 3
    assert vigint.messages() == ["0"] * 3
    assert clock.pauses[-2:] == [40, 40]
    vigint.faults.clear()
    assert [outcome.state for outcome in courier()] == ["sent"] * 3
    assert len(vigint.incidents) == 3


@pytest.mark.parametrize("status", [400, 413, 422, 409, 418])
def test_a_refused_alert_is_set_aside_and_holds_up_no_other(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool, mailbox: Mailbox, status: int,
) -> None:  # fmt: skip
    vigint.down(2)
    send("bad", frames=None)
    send("good")
    vigint.faults.append(Fault(status=status, body=b'{"error": "Not so.", "code": "no"}'))
    states = [outcome.state for outcome in courier(mail=mailbox.settings)]
    assert states == ["aside", "sent"]
    ((_name, reason),) = spool.aside()
    assert "Not so." in reason
    assert spool.names() == []
    # Otherwise no person would be notified.
    assert len(mailbox.mails) == 1
    assert f"code {status}" in mailbox.texts[0]


def test_refused_frames_are_set_aside_and_the_alert_goes_out(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool,
) -> None:  # fmt: skip
    vigint.down()
    send("bad frames")
    vigint.faults.append(Fault(status=422))
    (outcome,) = courier()
    assert outcome.state == "aside"
    assert "Sent as INC-inc1, but without its frames" in outcome.said
    assert vigint.posts()[-1].json()["frames"] == []
    assert len(spool.aside()) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 301])
def test_what_is_wrong_with_the_key_or_the_address_costs_no_alert(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool, status: int,
) -> None:  # fmt: skip
    vigint.faults.append(Fault(status=status))
    assert send("1")["spooled"]
    vigint.down()
    send("2")
    vigint.received.clear()
    vigint.faults.append(Fault(status=status))
    assert [outcome.state for outcome in courier()] == ["kept", "kept"]
    assert len(vigint.posts()) == 1
    assert spool.aside() == []
    assert [outcome.state for outcome in courier()] == ["sent", "sent"]


def test_a_problem_with_one_alert_only_holds_up_no_other(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool,
) -> None:  # fmt: skip
    vigint.down(6)
    for number in range(6):
        send(str(number))
    vigint.received.clear()
    vigint.faults.extend([Fault(status=500)] * 3)
    assert [outcome.state for outcome in courier()] == ["kept"] + ["sent"] * 5
    assert vigint.messages() == list("00012345")
    assert len(spool.names()) == 1
    vigint.down(3)
    for number in range(6, 9):
        send(str(number))
    vigint.received.clear()
    vigint.faults.extend([Fault(status=500)] * 99)
    assert [outcome.state for outcome in courier()] == ["kept"] * 4
    assert len(set(vigint.messages())) == 3, "three in a row, and it is the server's problem"


def test_a_damaged_file_is_set_aside(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool,
) -> None:  # fmt: skip
    vigint.down(2)
    send("1")
    send("2")
    first = spool.path(spool.names()[0])
    first.write_bytes(first.read_bytes()[:-1])
    assert [outcome.state for outcome in courier()] == ["aside", "sent"]
    assert "damaged" in spool.aside()[0][1]


def test_another_key_delivers_nothing_that_was_not_meant_for_it(
    vigint: FakeVigint, send: Send, courier: Flush
) -> None:
    other = ServerSettings(vigint.url, "another-key")
    assert send(server=other)["spooled"]
    vigint.down()
    send()
    vigint.received.clear()
    assert [outcome.state for outcome in courier()] == ["elsewhere", "sent"]
    assert len(vigint.posts()) == 1
    assert [outcome.state for outcome in courier(anywhere=True)] == ["sent"]


def test_a_half_set_configuration_loses_nothing(
    vigint: FakeVigint, spool: Spool, spool_settings: SpoolSettings,
    courier: Flush, png: bytes,
) -> None:  # fmt: skip
    def broken() -> ServerSettings:
        raise ConfigError("VIGINT_API_KEY_FILE cannot be read.")

    manager = AlertManager(
        load_server=broken, find_mail=lambda: None, find_spool=lambda: spool_settings,
        wake=lambda *_, **__: None,
    )  # fmt: skip
    assert manager.send_security_alert_with_video("m", [png])["spooled"]
    flushed = Courier(spool, broken, lambda: None).flush()
    assert [(outcome.state, outcome.said) for outcome in flushed] == [
        ("kept", "VIGINT_API_KEY_FILE cannot be read.")
    ]
    assert [outcome.state for outcome in courier()] == ["sent"]
    assert len(vigint.posts()[0].parts) == 2


def test_the_mail_says_that_a_video_will_follow(
    vigint: FakeVigint, send: Send, mailbox: Mailbox,
    courier: Flush,
) -> None:  # fmt: skip
    vigint.down()
    result = send("Theft", mail=mailbox.settings, recipients=["a@example.org", "b@example.org"])
    assert (result["success"], result["spooled"]) == (False, True)
    assert result["fallback_used"] == "text_only_mail"
    assert result["recipient"] == "a@example.org, b@example.org"
    assert (
        "\N{NO-BREAK SPACE}: le serveur Vigint n’a pas accepté l’alerte (code 503)."
        in (mailbox.texts[0])
    )
    assert "un second e-mail donnera le lien de la vidéo" in mailbox.texts[0]
    courier(mail=mailbox.settings)
    # The server's mail has the link, which the first one lacked. So every recipient gets it.
    assert vigint.posts()[-1].json()["recipients"] == ["a@example.org", "b@example.org"]
    assert len(mailbox.mails) == 1


def test_an_alert_without_video_is_not_mailed_twice(
    vigint: FakeVigint, send: Send, mailbox: Mailbox,
    courier: Flush,
) -> None:  # fmt: skip
    mailbox.refused = {"b@example.org"}
    both = ["a@example.org", "b@example.org"]
    vigint.down()
    send("1", mail=mailbox.settings, frames=None, recipients=both)
    assert "second e-mail" not in mailbox.texts[0]
    vigint.down()
    send("2", mail=mailbox.settings, frames=None)
    vigint.received.clear()
    courier()
    first, second = vigint.posts()
    assert first.json()["recipients"] == ["b@example.org"]
    # The recipients chosen by the server are not known here: rather one mail too many.
    assert "recipients" not in second.json()


def test_a_lost_answer_and_a_mail_between_make_no_second_incident(
    vigint: FakeVigint, send: Send, mailbox: Mailbox,
    courier: Flush, spool: Spool,
) -> None:  # fmt: skip
    vigint.faults.append(Fault("cut"))
    send("1", mail=mailbox.settings, frames=None, recipients=["a@example.org"])
    (outcome,) = courier()
    assert (outcome.state, outcome.said) == ("sent", "had arrived before")
    assert (len(vigint.incidents), spool.names()) == (1, [])


def test_what_nobody_was_told_of_is_told_when_delivery_fails(
    vigint: FakeVigint, send: Send, mailbox: Mailbox,
    courier: Flush,
) -> None:  # fmt: skip
    vigint.down(20)
    send("1")
    send("2", mail=mailbox.settings)
    send("3")
    assert len(mailbox.mails) == 1
    courier(mail=mailbox.settings)
    courier(mail=mailbox.settings)
    mailed = [text for text in mailbox.texts if {"1", "3"} & set(text.splitlines())]
    assert (len(mailed), len(mailbox.mails)) == (2, 3)


def test_a_disk_that_refuses_one_alert_holds_up_no_other(
    vigint: FakeVigint, send: Send, courier: Flush, spool: Spool,
) -> None:  # fmt: skip
    vigint.down(2)
    send("1")
    send("2")
    first = spool.names()[0]
    spool.path(first).unlink()
    spool.path(first).mkdir()
    assert [outcome.state for outcome in courier()] == ["kept", "sent"]
    spool.path(first).rmdir()


def test_a_full_disk_makes_no_flood_of_mails(
    vigint: FakeVigint, send: Send, courier: Flush, mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    vigint.down(20)
    send("1")
    monkeypatch.setattr(Spool, "write_small", full)
    for _flush in range(3):
        assert [outcome.state for outcome in courier(mail=mailbox.settings)] == ["kept"]
    assert len(mailbox.mails) == 1
    # Nor do refused alerts delay the others.
    vigint.faults.clear()
    vigint.faults.extend([Fault(status=422)] * 2)
    assert [outcome.state for outcome in courier(mail=mailbox.settings)] == ["aside"]
    assert len(mailbox.mails) == 1


def test_without_a_server_at_all_nothing_is_kept(
    spool: Spool, spool_settings: SpoolSettings, png: bytes, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    for name in ("VIGINT_SERVER_URL", "VIGINT_API_KEY", "SPARSE_AI_BASE_URL", "SPARSE_AI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("vigint_client.config.CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    manager = AlertManager(find_mail=lambda: None, find_spool=lambda: spool_settings)
    result = manager.send_security_alert_with_video("m", [png])
    assert (result["success"], result["spooled"], result["fallback_used"]) == (False, False, None)
    assert not spool.folder.exists()


def test_what_had_to_go_is_said_in_the_result(
    vigint: FakeVigint, make_manager: MakeManager, spool_dir: Path
) -> None:
    small = SpoolSettings(spool_dir, 60_000, 7 * 86_400)
    manager = make_manager(spool=small, policy=ONCE)
    frame = b"\xff\xd8\xff" + bytes(30_000)
    vigint.down(3)
    assert "spool_dropped" not in manager.send_security_alert_with_video("1", [frame], wait=0)
    result = manager.send_security_alert_with_video("2", [frame], wait=0)
    assert result["spool_dropped"] == 1
    assert "1 older alert(s) were dropped" in result["error"]
    result = manager.send_security_alert_with_video("3", [frame] * 8, wait=0)
    assert (result["spooled"], result["frames_kept"]) == (True, 1)
    assert "with 1 of its 8 frames" in result["error"]


@pytest.mark.parametrize(
    ("status", "whole"),
    [
        (None, False), (503, False), (429, False), (401, False), (404, False), (200, False),
        (400, True), (409, True), (413, True), (422, True),
    ],
)  # fmt: skip
def test_what_is_refused_as_a_whole(status: int | None, whole: bool) -> None:
    assert is_refused_as_a_whole(ClientError("no", status_code=status)) is whole


def test_what_was_dropped_is_an_outcome(
    vigint: FakeVigint, send: Send, courier: Flush,
    spool: Spool, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    vigint.down()
    send()
    old = spool.names()[0]
    week = int((dt.datetime.now(dt.UTC) - dt.timedelta(days=8)).timestamp() * 1e9)
    spool.path(old).rename(spool.path(f"{week:020d}{old[20:]}"))
    with caplog.at_level(logging.ERROR):
        assert [outcome.state for outcome in courier()] == ["dropped"]
    assert "older than 7 days" in caplog.text
