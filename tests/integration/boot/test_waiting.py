"""Missing bytes occupy no thread: two processes of four threads get many incomplete requests."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.integration.boot.small_web import Web, serving

_CROWD = 40


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Web]:
    """Yield a running web server for all tests of this file, which only send requests."""
    with serving(tmp_path_factory.mktemp("waiting"), root) as web:
        yield web


@pytest.fixture
def connections(web: Web) -> Iterator[Callable[[bytes], socket.socket]]:
    """Provide a function that opens a connection and sends the beginning of a request."""
    with ExitStack() as stack:

        def connect(beginning: bytes) -> socket.socket:
            made = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), 20))
            made.sendall(beginning)
            return made

        yield connect


def _read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer of known length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, f"it ended after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        more = connection.recv(65536)
        assert more, f"it ended after {body!r}"
        body += more
    return int(first.split()[1]), headers, body


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"GET /pid HTT",
        b"GET /pid HTTP/1.1\r\nHost: x\r\nX-Half: ",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\nsome",
        b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nsome",
        b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7FFFFF\r\nsome",
        b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nsome",
        b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\nGET /pid HTTP/1.1\r\n",
    ],
    ids=[
        "nothing", "half a line", "half a head", "half a small body", "half a chunk",
        "half a large body", "half a large chunk", "half a refused body", "half of the next",
    ],
)  # fmt: skip
def test_halves_of_requests_hold_no_thread(
    web: Web, connections: Callable[[bytes], socket.socket], half: bytes
) -> None:
    for _ in range(_CROWD):
        connections(half)
    for _ in range(10):
        assert web.get("/pid"), "it waited behind the halves"


@pytest.mark.parametrize(
    ("head", "body", "echoed"),
    [
        (b"Content-Length: 4", b"abcd", b"abcd"),
        (b"Transfer-Encoding: chunked", b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", b"abcd"),
        (b"Transfer-Encoding: chunked", b"4\r\nabcd\r\n0\r\nX-Sum: 1\r\n\r\n", b"abcd"),
    ],
)
def test_a_request_that_comes_byte_by_byte_is_answered(
    connections: Callable[[bytes], socket.socket], head: bytes, body: bytes, echoed: bytes
) -> None:
    connection = connections(b"")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"POST /echo HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n" + body:
        connection.send(bytes([byte]))
    assert _read_answer(connection)[::2] == (200, echoed)


def test_requests_may_follow_one_another_without_waiting(
    connections: Callable[[bytes], socket.socket],
) -> None:
    one = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    connection = connections(b"".join(one + b"%03d" % number for number in range(20)))
    received = b""
    while received.count(b"HTTP/1.1 200") < 20 or not received.endswith(b"019"):
        data = connection.recv(65536)
        assert data, f"it ended after {received!r}"
        received += data
    assert [received.count(b"\r\n\r\n%03d" % number) for number in range(20)] == [1] * 20


def test_a_connection_whose_request_was_answered_takes_the_next(
    connections: Callable[[bytes], socket.socket],
) -> None:
    connection = connections(b"")
    for _ in range(3):
        connection.sendall(b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        status, headers, _ = _read_answer(connection)
        assert (status, headers["connection"]) == (401, "keep-alive"), "its body had come"


def test_a_client_that_still_sends_sees_why_it_is_refused(
    connections: Callable[[bytes], socket.socket],
) -> None:
    """Like urllib3 and browsers: first the whole body, then the answer."""
    body = bytes(30 * 1024 * 1024)
    connection = connections(
        b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    connection.sendall(body)
    status, headers, text = _read_answer(connection)
    assert (status, headers["connection"], text) == (401, "close", b"refused")
    assert connection.recv(1) == b"", "and the connection is closed"


def test_a_refused_body_is_not_waited_for(
    connections: Callable[[bytes], socket.socket],
) -> None:
    connection = connections(b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
    assert _read_answer(connection)[0] == 401
    assert connection.recv(1) == b"", "nothing follows, although nothing of the body has come"


@pytest.mark.parametrize(("length", "path"), [(5, b"/echo"), (70_000, b"/ignore")])
def test_who_asks_before_sending_is_told(
    connections: Callable[[bytes], socket.socket], length: int, path: bytes
) -> None:
    connection = connections(
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n"
        % (path, length)
    )
    if path == b"/ignore":
        assert _read_answer(connection)[0] == 401, "what is refused need not be sent"
        return
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"a" * length)
    assert _read_answer(connection)[::2] == (200, b"a" * length)


def test_a_head_without_end_is_refused(
    connections: Callable[[bytes], socket.socket],
) -> None:
    line = b"X-Filling: " + b"a" * 1000 + b"\r\n"
    connection = connections(b"GET /pid HTTP/1.1\r\nHost: x\r\n" + line * 70)
    assert _read_answer(connection)[0] == 431


def _reader(web: Web, path: str) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(20)
    made.connect(("127.0.0.1", web.port))
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return made


@pytest.mark.parametrize("path", ["/page", "/file"])
def test_readers_that_do_not_read_hold_no_thread(web: Web, path: str) -> None:
    with ExitStack() as stack:
        readers = [stack.enter_context(_reader(web, path)) for _ in range(_CROWD)]
        for reader in readers:
            assert reader.recv(12) == b"HTTP/1.1 200", "its answer has begun"
        for _ in range(10):
            assert web.get("/pid"), "it waited behind the readers"
            for reader in readers:
                assert reader.recv(100), "those who read a little go on"


@pytest.mark.parametrize(
    ("path", "length"), [("/page", 900_000), ("/file", 50_000_000), ("/pieces", 2_000_000)]
)
def test_a_reader_gets_all_of_it_and_the_next_answer(web: Web, path: str, length: int) -> None:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=20)
    connection.request("GET", path)
    assert len(connection.getresponse().read()) == length
    connection.request("GET", "/pid")
    assert connection.getresponse().read()
    connection.close()
