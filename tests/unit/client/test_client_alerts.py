"""Alerts end to end against a real HTTP server, and by mail when there is none."""

import base64
import datetime as dt
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from tests.helpers import text_of
from tests.ports import free_port
from tests.unit.client.client_mailbox import Mailbox
from tests.unit.client.fake_vigint import HASH, KEY, FakeClock, FakeVigint, Fault
from vigint_client import send_security_alert_with_video
from vigint_client.alerts import AlertManager
from vigint_client.config import MailSettings, ServerSettings
from vigint_client.errors import NoServerError
from vigint_client.frames import FrameBatch
from vigint_client.incidents import make_posting, make_report
from vigint_client.posting import post_incident
from vigint_client.retries import ONCE
from vigint_client.transport import Transport

MakeManager = Callable[..., AlertManager]


def dead_server() -> ServerSettings:
    return ServerSettings(f"http://127.0.0.1:{free_port()}", KEY)


def stamped(png: bytes, number: int) -> list[dict[str, object]]:
    data = base64.b64encode(png).decode()
    return [
        {"frame_data": data, "frame_count": 100 + index, "timestamp": 1758810600 + index / 10}
        for index in range(number)
    ]


def test_an_alert_with_frames(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes, clock: FakeClock
) -> None:
    vigint.next_states = [vigint.waiting_state(), vigint.waiting_state(), vigint.done_state()]
    result = make_manager().send_security_alert_with_video(
        "Theft", stamped(png, 40), {"incident_type": "theft", "confidence": np.float32(0.5)}
    )
    assert result["success"] is True
    assert result["pending"] is False
    assert result["recipient"] == "guard@example.org"
    assert result["video_link_provided"] is True
    assert result["video_link_info"] == {
        "video_id": "vid-inc1",
        "private_link": f"{vigint.url}/video/vid-inc1?token=t",
        "expiration_time": "2026-11-23T10:00:00+00:00",
        "file_hash": HASH,
    }
    assert (result["frames_sent"], result["frames_left_out"]) == (40, 0)
    assert result["fallback_used"] is None
    assert "error" not in result
    sent = vigint.posts()[0]
    assert [part[3] for part in sent.parts if part[0] == "frames"] == [png] * 40
    assert {part[2] for part in sent.parts if part[0] == "frames"} == {"image/png"}
    document = sent.json()
    assert document["message"] == "Theft"
    assert document["timestamps"] == [1758810600 + index / 10 for index in range(40)]
    assert document["incident_data"] == {
        "incident_type": "theft", "confidence": 0.5, "frame_count": 139
    }  # fmt: skip
    assert "recipients" not in document
    assert "alert" not in document
    assert clock.pauses == pytest.approx([0.2, 0.3])


def test_waiting_ends_with_pending(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes, clock: FakeClock
) -> None:
    vigint.next_states = [vigint.waiting_state()]
    result = make_manager().send_security_alert_with_video("m", [png], wait=10)
    assert (result["success"], result["pending"]) == (True, True)
    assert result["status_url"] == "https://public.invalid/api/v1/incidents/inc1"
    assert result["video_link_info"]["file_hash"] is None
    assert result["video_link_info"]["private_link"]
    assert sum(clock.pauses) == pytest.approx(10)
    assert clock.pauses[:3] == pytest.approx([0.2, 0.3, 0.45])
    assert max(clock.pauses) <= 2.0


def test_no_wait_asks_nothing(vigint: FakeVigint, make_manager: MakeManager, png: bytes) -> None:
    result = make_manager().send_security_alert_with_video(
        "m", [png], recipients=["a@example.org", "b@example.org"], wait=0
    )
    assert (result["success"], result["pending"]) == (True, True)
    assert result["recipient"] == "a@example.org, b@example.org"
    assert [item.method for item in vigint.received] == ["POST"]
    assert vigint.posts()[0].json()["recipients"] == ["a@example.org", "b@example.org"]


def test_trouble_while_following_is_no_failure(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    vigint.faults.extend([None, Fault(status=500), Fault("cut"), Fault(status=429), None])
    result = make_manager().send_security_alert_with_video("m", [png])
    assert (result["success"], result["pending"]) == (True, False)
    vigint.faults.extend([None, Fault(status=404)])
    result = make_manager().send_security_alert_with_video("m", [png])
    assert (result["success"], result["pending"]) == (True, True)


def test_every_call_has_its_own_key_and_every_attempt_the_same(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    vigint.faults.extend([Fault("cut"), Fault(status=503)])
    manager = make_manager()
    manager.send_security_alert_with_video("m", [png], wait=0)
    manager.send_security_alert_with_video("m", [png], wait=0)
    keys = [item.headers["idempotency-key"] for item in vigint.posts()]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]
    assert len(vigint.incidents) == 2


def test_broken_frames_do_not_stop_the_alert(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    ready = vigint.done_state(frames={"received": 2, "used": 1, "left_out": 1})
    vigint.next_states = [ready]
    result = make_manager().send_security_alert_with_video("m", [png, b"broken", None, png])
    assert (result["frames_sent"], result["frames_left_out"]) == (2, 3)
    text_only = {"recipient": "guard@example.org", "state": "sent", "kind": "text_only"}
    vigint.next_states = [vigint.done_state(file_hash=None, deliveries=[text_only])]
    result = make_manager().send_security_alert_with_video("m", [b"broken"])
    assert vigint.posts()[1].json()["frames"] == []
    assert result["success"] is True
    assert result["video_link_provided"] is False
    assert result["video_link_info"] is None
    assert result["fallback_used"] == "text_only_mail"


def test_an_encode_that_fails_is_told(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    text_only = {"recipient": "guard@example.org", "state": "sent", "kind": "text_only"}
    vigint.next_states = [
        vigint.done_state(
            state="failed", file_hash=None, deliveries=[text_only], error="No usable frame."
        )
    ]
    result = make_manager().send_security_alert_with_video("m", [png])
    assert result["success"] is True
    assert result["error"] == "No usable frame."
    assert result["video_link_provided"] is False
    assert result["fallback_used"] == "text_only_mail"


def test_a_webhook_of_the_server_is_no_recipient(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    mail = {"channel": "mail", "recipient": "x@example.org", "state": "gathered", "kind": "video"}
    hook = {"channel": "webhook", "recipient": "https://h.example", "state": "failed"}
    vigint.next_states = [vigint.done_state(deliveries=[mail, hook], grouped_under="INC-1")]
    result = make_manager().send_security_alert_with_video("m", [png])
    assert (result["success"], result["recipient"]) == (True, "x@example.org")
    assert result["grouped_under"] == "INC-1"


def test_a_mail_that_reaches_nobody_is_a_failure(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    failed = {"recipient": "x@example.org", "state": "failed", "kind": "video", "error": "550"}
    vigint.next_states = [vigint.done_state(deliveries=[failed])]
    result = make_manager().send_security_alert_with_video("m", [png])
    assert result["success"] is False
    assert "550" in result["error"]
    assert result["video_link_info"]["private_link"]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refused_frames_leave_a_text_alert(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes, status: int
) -> None:
    vigint.faults.append(Fault(status=status))
    result = make_manager().send_security_alert_with_video("m", [png] * 3)
    first, second = vigint.posts()
    assert second.json()["frames"] == []
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert result["success"] is True
    assert result["video_link_provided"] is False
    assert result["fallback_used"] == "text_only_mail"
    assert result["status_code"] == status
    assert (result["frames_sent"], result["frames_left_out"]) == (0, 3)


def test_a_wrong_key_is_a_sentence(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = ServerSettings(vigint.url, "another-key")
    with caplog.at_level(logging.DEBUG):
        result = make_manager(wrong).send_security_alert_with_video("m", [png])
    assert result["success"] is False
    assert (result["status_code"], result["code"]) == (403, "key_unknown")
    assert "VIGINT_API_KEY" in result["error"]
    assert result["fallback_used"] is None
    assert "another-key" not in str(result) + caplog.text
    assert len(vigint.posts()) == 1


def test_without_server_and_mail_it_fails_with_a_sentence(
    make_manager: MakeManager, png: bytes
) -> None:
    result = make_manager(dead_server()).send_security_alert_with_video("m", [png])
    assert result["success"] is False
    assert "could not be reached" in result["error"]
    assert "status_code" not in result
    assert result["fallback_used"] is None


def test_without_a_server_the_text_mail_goes_out(
    make_manager: MakeManager, png: bytes, mailbox: Mailbox
) -> None:
    box, mail_settings = mailbox, mailbox.settings
    result = make_manager(dead_server(), mail_settings).send_security_alert_with_video(
        "Une personne <dans> le rayon",
        stamped(png, 3),
        {
            "incident_type": "vol\r\nBcc: x@example.org", "risk_level": "HIGH", "confidence": 0.92,
            "analysis": "geste rapide", "site": "Magasin", "camera": "Caisse 2",
        },
    )  # fmt: skip
    assert result["success"] is False
    assert result["fallback_used"] == "text_only_mail"
    assert result["recipient"] == "guard@example.org"
    (mail,) = box.mails
    assert mail["Subject"] == "🚨 Alerte Vigint - vol Bcc: x@example.org - [HIGH]"
    assert mail["Bcc"] is None
    assert not list(mail.iter_attachments())
    plain = text_of(mail)
    lines = [line for line in plain.splitlines() if line]
    assert lines == [
        "Magasin, Caisse 2, le 25 septembre 2025 à 16:30:00 (UTC+02:00, Europe/Paris). "
        "Détection automatique, non vérifiée par une personne.",
        "🚨 ALERTE SYSTÈME VIGINT",
        "Type d'alerte: SECURITY",
        "Horodatage: 2025-09-25T16:30:00",
        "Une personne <dans> le rayon",
        "DÉTAILS DE L'INCIDENT:",
        "Niveau de risque: HIGH",
        "Numéro d'image: 102",
        "Confiance: 0.92",
        "Analyse IA: geste rapide",
        "⚠️ Vidéo non disponible\N{NO-BREAK SPACE}: le serveur Vigint ne répond pas.",
    ]
    page = text_of(mail, "html")
    assert "Une personne &lt;dans&gt; le rayon" in page
    assert page.count("<p>") == len(lines)


def test_the_mail_reports_whom_it_reached(make_manager: MakeManager, mailbox: Mailbox) -> None:
    box, mail_settings = mailbox, mailbox.settings
    manager = make_manager(dead_server(), mail_settings)
    box.refused = {"a@example.org"}
    both = ["a@example.org", "b@example.org"]
    result = manager.send_security_alert_with_video("m", recipients=both)
    assert result["recipient"] == "b@example.org"
    result = manager.send_security_alert_with_video("m", recipients=both[:1])
    assert result["fallback_used"] is None
    assert manager.send_security_alert_with_video("m", recipients=[])["fallback_used"] is None
    assert len(box.mails) == 1


def test_a_mail_server_that_offers_no_tls_gets_nothing(
    make_manager: MakeManager, mailbox: Mailbox
) -> None:
    box, plain = mailbox, mailbox.settings
    secure = MailSettings(
        plain.server, plain.port, None, None, plain.sender, plain.recipients, True, plain.timezone
    )
    result = make_manager(dead_server(), secure).send_alert("m")
    assert result["fallback_used"] is None
    assert box.mails == []


def test_a_mail_server_that_drips_costs_a_minute_at_most(
    make_manager: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigint_client.text_mail.LONGEST", 0.3)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _address = listener.accept()
            with connection, suppress(OSError):
                while not ended.wait(0.05):
                    connection.sendall(b"2")

        server = threading.Thread(target=drip)
        server.start()
        slow = MailSettings(
            "127.0.0.1", listener.getsockname()[1], None, None, "v@example.org",
            ("guard@example.org",), False, "Europe/Paris",
        )  # fmt: skip
        began = time.monotonic()
        result = make_manager(dead_server(), slow).send_alert("m")
        ended.set()
        server.join()
    assert result["fallback_used"] is None
    assert time.monotonic() - began < 5


def test_a_mail_that_was_accepted_stays_so_however_the_goodbye_goes(
    make_manager: MakeManager, mailbox: Mailbox
) -> None:
    mailbox.goodbye = "451 not now"
    result = make_manager(dead_server(), mailbox.settings).send_alert("m")
    assert result["recipient"] == "guard@example.org"
    assert len(mailbox.mails) == 1


def test_a_missing_configuration_still_mails(
    mailbox: Mailbox,
) -> None:
    box, mail_settings = mailbox, mailbox.settings

    def nothing() -> ServerSettings:
        raise NoServerError("No Vigint server is configured.")

    manager = AlertManager(load_server=nothing, find_mail=lambda: mail_settings)
    result = manager.send_alert("Panne", "maintenance")
    assert result["error"] == "No Vigint server is configured."
    assert result["fallback_used"] == "text_only_mail"
    text = text_of(box.mails[0])
    assert "Type d'alerte: MAINTENANCE" in text
    assert "aucun serveur Vigint n’est configuré" in text


def test_plain_alerts_go_without_frames(vigint: FakeVigint, make_manager: MakeManager) -> None:
    delivery = {"recipient": "guard@example.org", "state": "sent", "kind": "text_only"}
    vigint.next_states = [vigint.done_state(file_hash=None, deliveries=[delivery])]
    result = make_manager().send_alert("Caméra 3 muette", "warning", ("email", "pigeon"))
    document = vigint.posts()[0].json()
    assert document["frames"] == []
    assert document["incident_data"]["incident_type"] == "warning"
    assert result["success"] is True
    assert result["fallback_used"] is None
    assert result["channels_left_out"] == ["pigeon"]
    refused = make_manager().send_alert("m", channels=("pigeon",))
    assert refused["success"] is False
    assert len(vigint.posts()) == 1


def test_the_moment_of_the_call_is_told_when_frames_have_no_time(
    vigint: FakeVigint, make_manager: MakeManager, png: bytes
) -> None:
    manager = make_manager()
    before = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=1)
    manager.send_security_alert_with_video("m", [png], wait=0)
    manager.send_security_alert_with_video("m", [png], {"detected_at": "noon"}, wait=0)
    manager.send_security_alert_with_video("m", stamped(png, 2), wait=0)
    first, second, third = (item.json() for item in vigint.posts())
    moment = dt.datetime.fromisoformat(first["incident_data"]["detected_at"])
    assert before <= moment <= dt.datetime.now(dt.UTC)
    assert "timestamps" not in first
    assert second["incident_data"]["detected_at"] == "noon"
    assert "detected_at" not in third["incident_data"]


def test_a_report_posted_again_is_the_same_incident(
    vigint: FakeVigint, transport: Transport
) -> None:
    posting = make_posting(make_report("m"), FrameBatch(), None)
    first = post_incident(transport, posting, ONCE)
    assert post_incident(transport, posting, ONCE) == first
    assert len(vigint.incidents) == 1


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")


CYCLE: dict[str, object] = {}
CYCLE["self"] = CYCLE


@pytest.mark.parametrize(
    "arguments",
    [
        {"message": None},
        {"message": "\ud800"},
        {"incident_data": "text"},
        {"incident_data": CYCLE},
        {"incident_data": {"a": float("nan"), "b": np.zeros(3), "c": {1, 2}, "d": object()}},
        {"wait": None},
        {"wait": float("nan")},
        {"recipients": 7},
        {"recipients": "a@example.org"},
        {"expiration_hours": "soon"},
        {"frames": 7},
    ],
)
def test_odd_arguments_never_raise(
    vigint: FakeVigint, make_manager: MakeManager, arguments: dict[str, Any]
) -> None:
    result = make_manager().send_security_alert_with_video(**({"message": "m"} | arguments))
    assert result["success"] is True
    assert len(vigint.incidents) == 1


def test_a_message_that_cannot_be_read_is_named_and_the_alert_goes_out(
    vigint: FakeVigint, make_manager: MakeManager
) -> None:
    message: Any = Hostile()
    assert make_manager().send_security_alert_with_video(message)["success"] is True
    assert vigint.messages() == ["<Hostile>"]


def test_expiration_hours_of_call_and_configuration(
    vigint: FakeVigint, make_manager: MakeManager
) -> None:
    configured = ServerSettings(vigint.url, KEY, expiration_hours=12)
    make_manager(configured).send_security_alert_with_video("m", wait=0)
    make_manager(configured).send_security_alert_with_video("m", wait=0, expiration_hours=2)
    make_manager().send_security_alert_with_video("m", wait=0)
    hours = [item.json().get("expiration_hours") for item in vigint.posts()]
    # The server accepts whole hours; 12.0 is not one in JSON.
    assert [repr(number) for number in hours] == ["12", "2", "None"]


@pytest.mark.parametrize(
    ("asked", "sent"), [(0.25, 1), (1.5, 2), ("36", 36), (1e9, 87_600), (0, None), (-1, None)]
)
def test_part_of_an_hour_is_a_whole_one(
    vigint: FakeVigint, make_manager: MakeManager, asked: Any, sent: int | None
) -> None:
    make_manager().send_security_alert_with_video("m", wait=0, expiration_hours=asked)
    assert repr(vigint.posts()[0].json().get("expiration_hours")) == repr(sent)


def test_the_public_function_reads_the_environment(
    vigint: FakeVigint, monkeypatch: pytest.MonkeyPatch, png: bytes
) -> None:
    monkeypatch.setenv("VIGINT_SERVER_URL", vigint.url)
    monkeypatch.setenv("VIGINT_API_KEY", KEY)
    result = send_security_alert_with_video(message="m", frames=[png], recipients=[])
    assert result["success"] is True
    assert vigint.posts()[0].json()["recipients"] == []
