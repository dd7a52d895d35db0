"""Calls to configured addresses: pinned, checked, bounded, against real servers."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.hooks import listening, saying
from vigint_web.net import outbound_http
from vigint_web.net.outbound_http import CallFailed, CallRefused


def _post(url: str, **options: Any) -> None:
    outbound_http.post(url, b"{}", {"X-Test": "1"}, **{"allow_private": True, **options})


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433"]
)
def test_private_addresses_are_refused_before_anything_is_sent(host: str) -> None:
    with listening() as hook:
        with pytest.raises(CallFailed, match=r"private_address|name_unknown"):
            _post(f"http://{host}:{hook.port}/", allow_private=False)
        assert hook.calls == []


def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: a second resolution has another answer."""
    asked: list[str] = []

    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "127.0.0.2" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    with listening("127.0.0.2") as public, listening("127.0.0.1", public.port) as private:
        monkeypatch.setattr("vigint_web.net.outbound_http.socket.getaddrinfo", look_up)
        monkeypatch.setattr(outbound_http, "is_public", lambda address: address == "127.0.0.2")
        _post(f"http://hooks.example.test:{public.port}/a?b=c", allow_private=False)
        assert (len(public.calls), len(private.calls), len(asked)) == (1, 0, 1)
        [call] = public.calls
        assert call.headers["Host"] == f"hooks.example.test:{public.port}"
        assert call.path == "/a?b=c"
        with pytest.raises(CallFailed, match="private_address"):
            _post(f"http://hooks.example.test:{public.port}/", allow_private=False)
        assert private.calls == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with listening() as hook, listening() as other:
        hook.answers = [(status, {"Location": other.url})]
        with pytest.raises(CallRefused, match=f"redirected:{status}"):
            _post(hook.url)
        assert (len(hook.calls), other.calls) == (1, [])


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, None), (202, None), (204, None), (400, CallRefused), (410, CallRefused)]
    + [(code, CallFailed) for code in (408, 425, 429, 500, 502, 503)],
)
def test_what_answers_mean(status: int, error: type[Exception] | None) -> None:
    with listening() as hook:
        hook.answers = [(status, {"Retry-After": "999999999"})]
        if error is None:
            _post(hook.url)
            return
        with pytest.raises(error) as caught:
            _post(hook.url)
        if isinstance(caught.value, CallFailed):
            assert caught.value.retry_after == 3600, "the wait is bounded"


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"HTTP/1.1 200",),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",),
        (b"SSH-2.0-OpenSSH\r\n",),
    ],
    ids=["silence", "half a line", "endless line", "endless headers", "not HTTP"],
)
def test_whatever_it_says_ends(pieces: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_http, "_STEP_SECONDS", 0.1)
    with (
        saying(*pieces, then_wait=True) as port,
        pytest.raises(CallFailed),
    ):
        _post(f"http://127.0.0.1:{port}/")


def test_an_answer_by_drops_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_http, "_TOTAL_SECONDS", 0.2)
    with (
        saying(b"HTTP/1.1 200 OK\r\nX: ", then_wait=True) as port,
        pytest.raises(CallFailed, match="too_slow"),
    ):
        _post(f"http://127.0.0.1:{port}/")


def test_an_endless_body_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
    with saying(head, b"x" * 100_000, then_wait=True) as port:
        _post(f"http://127.0.0.1:{port}/")


def test_a_name_server_that_is_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(outbound_http, "_DNS_SECONDS", 0.05)
    monkeypatch.setattr(
        "vigint_web.net.outbound_http.socket.getaddrinfo", lambda *_, **__: answered.wait(5) or []
    )
    with pytest.raises(CallFailed, match="name_unanswered"):
        _post("https://hooks.example.test/")
    answered.set()


def test_tls_checks_the_name_although_an_address_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, names = _tls(tmp_path, "hooks.example.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        "vigint_web.net.outbound_http.socket.getaddrinfo",
        lambda _host, port, **more: real("127.0.0.1", port, **more),
    )
    with listening(tls=context) as hook:
        _post(f"https://hooks.example.test:{hook.port}/")
        assert names == ["hooks.example.test"]
        assert len(hook.calls) == 1
        with pytest.raises(CallFailed, match=r"(?i)certificate"):
            _post(f"https://other.example.test:{hook.port}/")
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(CallFailed, match=r"(?i)certificate"):
            _post(f"https://hooks.example.test:{hook.port}/")
        assert len(hook.calls) == 1


def _tls(folder: Path, name: str) -> tuple[ssl.SSLContext, list[str | None]]:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    names: list[str | None] = []
    context.sni_callback = lambda _socket, server_name, _context: names.append(server_name)
    return context, names
