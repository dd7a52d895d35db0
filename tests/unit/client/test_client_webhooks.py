"""Signed JSON to configured addresses, and to no forbidden one."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ports import free_port
from tests.unit.client.fake_vigint import FakeClock, FakeVigint
from vigint_client.addresses import PrivateAddress, resolve
from vigint_client.alerts import AlertManager
from vigint_client.errors import ConfigError, RequestError
from vigint_client.retries import Persistence, RetryPolicy
from vigint_client.webhooks import (
    SIGNATURE,
    WebhookSettings,
    load_webhook_settings,
    post_webhook,
    post_webhooks,
    sign,
    verify,
)

SECRET = "shared-with-the-receiver"


class Receiver:
    """Receives webhooks; `answers` are given first, then 204."""

    def __init__(self) -> None:
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.received.append((self.path, headers, body))
                status, more = receiver.answers.popleft() if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?room=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def hook(receiver: Receiver) -> WebhookSettings:
    return WebhookSettings((receiver.url,), SECRET, allow_private=True)


@pytest.fixture
def persistence(clock: FakeClock) -> Persistence:
    return Persistence(clock.time, clock.sleep, lambda: 1.0)


def test_what_arrives_is_signed(
    receiver: Receiver, hook: WebhookSettings, persistence: Persistence
) -> None:
    assert post_webhook(hook.urls[0], hook, {"message": "é"}, persistence=persistence) == 204
    ((path, headers, body),) = receiver.received
    assert path == "/hook?room=1"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"message": "é"}
    assert verify(SECRET, headers[SIGNATURE.lower()], body)
    assert not verify("another", headers[SIGNATURE.lower()], body)
    assert not verify(SECRET, headers[SIGNATURE.lower()], body + b" ")


def test_the_signature_is_what_is_documented() -> None:
    # From `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`.
    assert sign("secret", b"{}", 1_700_000_000) == (
        "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    )


@given(st.binary(), st.text(), st.text(), st.integers(0, 2**33))
def test_only_the_true_signature_is_believed(
    body: bytes, secret: str, other: str, moment: int
) -> None:
    header = sign(secret, body, moment)
    assert verify(secret, header, body, now=moment + 300)
    assert not verify(secret, header, body, now=moment + 301)
    assert not verify(secret, header, body, now=moment - 301)
    assert not verify(secret, header.replace("t=", "t=1"), body, now=moment)
    assert not verify(secret, other, body, now=moment)
    assert not verify(secret, f"{header},v1={'0' * 64}", body, now=moment)


def test_every_attempt_is_signed_anew(
    receiver: Receiver, hook: WebhookSettings, persistence: Persistence, clock: FakeClock
) -> None:
    receiver.answers.extend([(500, {}), (503, {"Retry-After": "7"}), (429, {})])
    post_webhook(hook.urls[0], hook, {}, persistence=persistence, now=clock.time)
    assert clock.pauses == [0.5, 7.0, 2.0]
    moments = [
        headers[SIGNATURE.lower()].split(",")[0] for _path, headers, _body in receiver.received
    ]
    assert moments == ["t=1000", "t=1000", "t=1007", "t=1009"]
    assert len({body for _path, _headers, body in receiver.received}) == 1


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
def test_refusals_and_redirections_are_final(
    receiver: Receiver, hook: WebhookSettings, persistence: Persistence, status: int
) -> None:
    receiver.answers.append((status, {"Location": receiver.url}))
    with pytest.raises(RequestError, match=str(status)) as caught:
        post_webhook(hook.urls[0], hook, {}, persistence=persistence)
    assert caught.value.status_code == status
    assert len(receiver.received) == 1


def test_nobody_there_is_tried_again(persistence: Persistence, clock: FakeClock) -> None:
    hook = WebhookSettings((f"http://127.0.0.1:{free_port()}/",), SECRET, allow_private=True)
    with pytest.raises(RequestError, match="could not be reached"):
        post_webhook(hook.urls[0], hook, {}, RetryPolicy(attempts=3), persistence=persistence)
    assert len(clock.pauses) == 2


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]"]
)
def test_no_spelling_of_a_private_address_gets_through(
    receiver: Receiver, persistence: Persistence, name: str, clock: FakeClock
) -> None:
    hook = WebhookSettings((f"http://{name}:{receiver.port}/",), SECRET)
    with pytest.raises(RequestError, match="private address"):
        post_webhook(hook.urls[0], hook, {}, persistence=persistence)
    assert clock.pauses == []
    assert receiver.received == []


def test_the_address_that_was_checked_is_the_one_connected_to(
    receiver: Receiver, persistence: Persistence, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    asked: list[str] = []

    def rebinding(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        if host != "receiver.example":
            return real(host, *arguments, **options)
        # The first answer is checked; a second one would lead elsewhere.
        where = "127.0.0.1" if asked.count(host) == 1 else "127.0.0.2"
        return real(where, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = f"http://receiver.example:{receiver.port}/"
    settings = WebhookSettings((url,), SECRET, allow_private=True)
    post_webhook(url, settings, {}, persistence=persistence)
    assert asked == ["receiver.example", "127.0.0.1"]
    assert receiver.received[0][1]["host"] == f"receiver.example:{receiver.port}"


def test_of_several_addresses_only_the_public_ones_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def both(_host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("10.0.0.1", "93.184.215.14", "93.184.215.14")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert resolve("two.example", 443, allow_private=False) == ["93.184.215.14"]
    assert resolve("two.example", 443, allow_private=True) == ["10.0.0.1", "93.184.215.14"]
    monkeypatch.setattr("vigint_client.addresses.is_public", lambda _text: False)
    with pytest.raises(PrivateAddress):
        resolve("two.example", 443, allow_private=False)


GOOD = {"VIGINT_WEBHOOK_URL": "https://receiver.example/hook", "VIGINT_WEBHOOK_SECRET": SECRET}


def test_settings_of_the_webhook(tmp_path: Path) -> None:
    found = load_webhook_settings(GOOD, [])
    assert (found.urls, found.allow_private) == (("https://receiver.example/hook",), False)
    two = {"VIGINT_WEBHOOK_URL": "https://a.example/1, http://b.example/2"}
    assert load_webhook_settings(GOOD | two, []).urls == (
        "https://a.example/1", "http://b.example/2",
    )  # fmt: skip
    (tmp_path / "config.ini").write_text("[Webhook]\nurl = https://c.example\nsecret = s\n")
    assert load_webhook_settings({}, [tmp_path]).urls == ("https://c.example",)
    assert SECRET not in repr(found)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    by_file = {"VIGINT_WEBHOOK_SECRET": "", "VIGINT_WEBHOOK_SECRET_FILE": str(tmp_path / "secret")}
    assert load_webhook_settings(GOOD | by_file, []).secret == SECRET
    allowed = {"VIGINT_WEBHOOK_URL": "http://10.0.0.1", "VIGINT_WEBHOOK_ALLOW_PRIVATE": "yes"}
    assert load_webhook_settings(GOOD | allowed, []).allow_private


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"VIGINT_WEBHOOK_SECRET": ""}, "VIGINT_WEBHOOK_SECRET"),
        ({"VIGINT_WEBHOOK_URL": ""}, "No webhook is configured"),
        ({"VIGINT_WEBHOOK_URL": "ftp://receiver.example/"}, "not an address"),
        ({"VIGINT_WEBHOOK_URL": "https://a:b@receiver.example/"}, "user name"),
        ({"VIGINT_WEBHOOK_URL": "https://receiver.example:x/"}, "not an address"),
        ({"VIGINT_WEBHOOK_URL": "https://receiver.example/a b"}, "not an address"),
        ({"VIGINT_WEBHOOK_ALLOW_PRIVATE": "perhaps"}, "yes or no"),
    ],
)
def test_wrong_settings_are_a_sentence(change: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_webhook_settings(GOOD | change, [])


def test_a_plain_alert_by_both_channels(
    vigint: FakeVigint, make_manager: Callable[..., AlertManager], receiver: Receiver,
    hook: WebhookSettings,
) -> None:  # fmt: skip
    manager = make_manager(load_webhook=lambda: hook)
    result = manager.send_alert(
        "Panne", "maintenance", ("email", "webhook"), incident_data={"camera": "Till 2"}
    )
    assert result["success"] is True
    assert result["channels"] == {"email": True, "webhook": True}
    assert result["recipient"] == "guard@example.org"
    document = json.loads(receiver.received[0][2])
    assert document["event"] == "alert"
    assert document["message"] == "Panne"
    assert document["alert_type"] == "maintenance"
    assert document["incident_data"]["camera"] == "Till 2"
    assert document["id"] == vigint.posts()[0].headers["idempotency-key"]


def test_one_deaf_receiver_does_not_spare_the_other(
    receiver: Receiver, persistence: Persistence
) -> None:
    settings = WebhookSettings((receiver.url, f"{receiver.url}2"), SECRET, allow_private=True)
    receiver.answers.append((404, {}))
    with pytest.raises(RequestError, match="404"):
        post_webhooks(settings, {"event": "alert", "id": "x"}, persistence=persistence)
    assert [path for path, _headers, _body in receiver.received] == [
        "/hook?room=1",
        "/hook?room=12",
    ]
    assert receiver.received[1][1]["vigint-delivery"] == "x"


def test_each_channel_has_its_own_fate(
    vigint: FakeVigint, make_manager: Callable[..., AlertManager], receiver: Receiver,
    hook: WebhookSettings,
) -> None:  # fmt: skip
    manager = make_manager(load_webhook=lambda: hook)
    receiver.answers.append((410, {}))
    result = manager.send_alert("m", "info", ("email", "webhook"))
    assert result["success"] is False
    assert result["channels"] == {"email": True, "webhook": False}
    assert "410" in result["error"]
    assert result["incident_id"] == "inc1"
    result = manager.send_alert("m", "info", "webhook")
    assert (result["success"], result["channels"]) == (True, {"webhook": True})
    assert len(vigint.posts()) == 1
    result = make_manager(load_webhook=lambda: load_webhook_settings({}, [])).send_alert(
        "m", "info", ["webhook"]
    )
    assert (result["success"], result["channels"]) == (False, {"webhook": False})
    assert "VIGINT_WEBHOOK_URL" in result["error"]
