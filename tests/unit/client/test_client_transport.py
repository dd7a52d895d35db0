"""Requests over a real socket: retries, final errors, and messages."""

import datetime as dt
import logging
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ports import free_port
from tests.unit.client.fake_vigint import KEY, FakeClock, FakeVigint, Fault
from vigint_client.bodies import MultipartBody, Part, json_body, text_part
from vigint_client.config import ServerSettings
from vigint_client.errors import RequestError
from vigint_client.retries import STANDARD, UNHURRIED, RetryPolicy, retry_after_seconds
from vigint_client.transport import Timeouts, Transport

INCIDENTS = "/api/v1/incidents"
HEADERS = {"Idempotency-Key": "one"}


def post(transport: Transport, **options: Any) -> dict[str, object]:
    body = json_body({"message": "m", "frames": []})
    return transport.call("POST", INCIDENTS, body=body, headers=HEADERS, **options).document


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_passing_troubles_are_tried_again(
    vigint: FakeVigint, transport: Transport, clock: FakeClock, status: int
) -> None:
    vigint.faults.extend([Fault(status=status), Fault(status=status), None])
    assert post(transport)["incident_id"] == "inc1"
    assert clock.pauses == [0.5, 1.0]
    assert len(vigint.posts()) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_refusals_are_final(
    vigint: FakeVigint, transport: Transport, clock: FakeClock, status: int
) -> None:
    vigint.faults.append(Fault(status=status, body=b'{"error": "Not so.", "code": "why"}'))
    with pytest.raises(RequestError) as caught:
        post(transport)
    assert (caught.value.status_code, caught.value.code) == (status, "why")
    assert "Not so." in str(caught.value)
    assert len(vigint.posts()) == 1
    assert clock.pauses == []


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "VIGINT_API_KEY"), (403, "create-api-key"), (413, "smaller frames"), (422, "correct")],
)
def test_a_refusal_says_what_to_do(
    vigint: FakeVigint, transport: Transport, status: int, advice: str
) -> None:
    vigint.faults.append(Fault(status=status, body=b"<html>"))
    with pytest.raises(RequestError, match=advice):
        post(transport)


def test_patience_ends(vigint: FakeVigint, transport: Transport, clock: FakeClock) -> None:
    vigint.faults.extend([Fault(status=500)] * 20)
    with pytest.raises(RequestError) as caught:
        post(transport)
    assert caught.value.status_code == 500
    assert len(vigint.posts()) == STANDARD.attempts
    assert clock.pauses == sorted(clock.pauses)


def test_the_budget_ends_before_the_attempts(
    vigint: FakeVigint, transport: Transport, clock: FakeClock
) -> None:
    vigint.faults.extend([Fault(status=503, headers={"Retry-After": "25"})] * 9)
    with pytest.raises(RequestError):
        post(transport, policy=RetryPolicy(attempts=9, budget=60))
    assert clock.pauses == [25.0, 25.0]


@pytest.mark.parametrize(("header", "pause"), [("7", 7.0), ("3600", 30.0), ("soon", 0.5)])
def test_retry_after_is_honoured_up_to_a_limit(
    vigint: FakeVigint, transport: Transport, clock: FakeClock, header: str, pause: float
) -> None:
    vigint.faults.append(Fault(status=429, headers={"Retry-After": header}))
    post(transport)
    assert clock.pauses == [pause]


def test_retry_after_as_a_date() -> None:
    now = dt.datetime(2026, 11, 21, 10, 0, 0, tzinfo=dt.UTC)
    assert retry_after_seconds("Sat, 21 Nov 2026 10:00:20 GMT", now) == 20
    assert retry_after_seconds("Sat, 21 Nov 2026 09:00:00 GMT", now) == 0


@given(st.text())
def test_retry_after_never_raises(value: str) -> None:
    seconds = retry_after_seconds(value)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("kind", ["cut", "half"])
def test_a_cut_connection_after_the_body_makes_no_second_incident(
    vigint: FakeVigint, transport: Transport, kind: str
) -> None:
    vigint.faults.append(Fault(kind))
    assert post(transport)["incident_id"] == "inc1"
    assert len(vigint.posts()) == 2
    assert len(vigint.incidents) == 1
    assert {item.headers["idempotency-key"] for item in vigint.posts()} == {"one"}


def test_silence_is_tried_again(settings: ServerSettings, vigint: FakeVigint) -> None:
    transport = Transport(settings, timeouts=Timeouts(answer=0.2), sleep=lambda _pause: None)
    vigint.faults.append(Fault("hang"))
    assert post(transport)["incident_id"] == "inc1"
    assert len(vigint.posts()) == 2


def test_a_server_that_starts_late_is_reached(clock: FakeClock) -> None:
    port = free_port()
    started: list[FakeVigint] = []

    def start_server(pause: float) -> None:
        clock.sleep(pause)
        if len(clock.pauses) == 2:
            started.append(FakeVigint(port))

    settings = ServerSettings(f"http://127.0.0.1:{port}", KEY)
    try:
        transport = Transport(settings, clock=clock.time, sleep=start_server)
        assert post(transport)["incident_id"] == "inc1"
        assert len(clock.pauses) == 2
    finally:
        for server in started:
            server.close()


def test_nobody_there_is_said_with_the_address_and_no_key(clock: FakeClock) -> None:
    settings = ServerSettings(f"http://127.0.0.1:{free_port()}/prefix", KEY)
    transport = Transport(settings, clock=clock.time, sleep=clock.sleep)
    with pytest.raises(RequestError, match=r"refused.*VIGINT_SERVER_URL") as caught:
        post(transport)
    assert settings.url.removesuffix("/prefix") in str(caught.value)
    assert caught.value.status_code is None
    assert KEY not in str(caught.value)
    assert len(clock.pauses) == STANDARD.attempts - 1


def test_an_early_refusal_of_a_large_body_is_read(
    vigint: FakeVigint, transport: Transport, clock: FakeClock
) -> None:
    vigint.faults.append(Fault("early", status=413, body=b'{"error": "Too much."}'))
    body = MultipartBody([Part("frames", bytes(20_000_000), 20_000_000)])
    with pytest.raises(RequestError, match=r"Too much\.") as caught:
        transport.call("POST", INCIDENTS, body=body, headers=HEADERS)
    assert caught.value.status_code == 413
    assert clock.pauses == []


def test_a_key_that_the_server_echoes_is_hidden(
    vigint: FakeVigint, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    echo = f'{{"error": "Bad header: Bearer {KEY}"}}'.encode()
    vigint.faults.extend([Fault(status=500, body=echo), Fault(status=403, body=echo)])
    with caplog.at_level(logging.DEBUG), pytest.raises(RequestError) as caught:
        post(transport)
    assert "Bad header" in str(caught.value)
    assert KEY not in str(caught.value) + caplog.text


def test_a_redirection_is_named_and_not_followed(vigint: FakeVigint, transport: Transport) -> None:
    vigint.faults.append(Fault(status=301, headers={"Location": "https://other.example/x?y"}))
    with pytest.raises(RequestError, match=r"redirects to https://other\.example:"):
        post(transport)
    assert len(vigint.received) == 1


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"[1]", b"null"])
def test_another_site_is_recognised(vigint: FakeVigint, transport: Transport, body: bytes) -> None:
    vigint.faults.append(Fault(status=200, body=body))
    with pytest.raises(RequestError, match="not as a Vigint server"):
        post(transport)


def test_pauses_stay_within_their_bounds() -> None:
    class Broken(Transport):
        def _attempt(self, *_arguments: object) -> NoReturn:
            raise ConnectionRefusedError

    for jitter in (0.0, 0.5, 1.0):
        clock = FakeClock()
        transport = Broken(
            ServerSettings("http://127.0.0.1:1", KEY),
            clock=clock.time,
            sleep=clock.sleep,
            jitter=repeat(jitter).__next__,
        )
        with pytest.raises(RequestError):
            post(transport, policy=UNHURRIED)
        assert len(clock.pauses) == UNHURRIED.attempts - 1
        for number, pause in enumerate(clock.pauses):
            grown = min(UNHURRIED.first_pause * 2**number, UNHURRIED.longest_pause)
            assert grown / 2 <= pause <= grown


def test_a_path_before_the_api_is_kept(vigint: FakeVigint, clock: FakeClock) -> None:
    settings = ServerSettings(f"{vigint.url}/vigint", KEY)
    transport = Transport(settings, clock=clock.time, sleep=clock.sleep)
    with pytest.raises(RequestError):
        post(transport)
    assert vigint.received[0].path == "/vigint/api/v1/incidents"


PARTS = st.lists(
    st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=200), st.none() | st.text()),
    max_size=5,
)


@given(PARTS)
def test_multipart_says_its_own_length_and_repeats_itself(
    contents: list[tuple[str, bytes, str | None]],
) -> None:
    parts = [Part(name, data, len(data), filename=file) for name, data, file in contents]
    # Lone surrogates cannot be in a header at all; the callers' names are plain.
    try:
        body = MultipartBody(parts)
    except UnicodeEncodeError:
        return
    first = b"".join(body.chunks())
    assert len(first) == body.size
    assert b"".join(body.chunks()) == first


def test_multipart_streams_files_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(bytes(3_000_000))
    body = MultipartBody([text_part("a", "é"), Part("video", path, 3_000_000, filename='q"\r\n')])
    pieces = list(body.chunks())
    assert sum(map(len, pieces)) == body.size
    assert max(map(len, pieces)) <= 256 * 1024
    assert b'filename="q%22%0D%0A"' in b"".join(pieces)


@pytest.fixture
def https_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate of this test, is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    fake = FakeVigint()
    fake.server.socket = context.wrap_socket(
        fake.server.socket, server_side=True, do_handshake_on_connect=False
    )
    yield fake.url.replace("http:", "https:"), certificate
    fake.close()


def test_an_untrusted_certificate_is_final(
    https_server: tuple[str, Path], clock: FakeClock
) -> None:
    transport = Transport(ServerSettings(https_server[0], KEY), sleep=clock.sleep)
    with pytest.raises(RequestError, match=r"certificate.*not trusted.*SSL_CERT_FILE"):
        post(transport)
    assert clock.pauses == []


def test_a_certificate_named_in_ssl_cert_file_is_trusted(
    https_server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(https_server[1]))
    transport = Transport(ServerSettings(https_server[0], KEY))
    assert post(transport)["incident_id"] == "inc1"


def test_requests_from_several_threads_do_not_mix(vigint: FakeVigint, transport: Transport) -> None:
    def one(number: int) -> None:
        transport.call(
            "POST",
            INCIDENTS,
            body=json_body({"message": str(number), "frames": []}),
            headers={"Idempotency-Key": str(number)},
        )

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item.json()["message"] for item in vigint.posts()) == list("01234567")
