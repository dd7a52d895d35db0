"""Output that a reader does not take is buffered, sent in order, and discarded when it
disconnects.
"""

import io
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigint_web.server.outgoing import ClientSocket, WaitingMakers


class Footage(io.FileIO):
    """A file that records how much of it was sent."""

    def __init__(self, path: Path, sent: list[int]) -> None:
        super().__init__(path)
        self._sent = sent

    def outlast(self) -> Callable[[int], None]:
        """Return the callback for the number."""
        return self._sent.append


@pytest.fixture
def ends() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """Provide both ends of a connection; the server's has a timeout, as in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reader = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    ours = ClientSocket(accepted)
    ours.settimeout(20)
    reader.settimeout(20)
    yield ours, reader
    ours.close()
    reader.close()


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a file of 6 MB without repetition."""
    path = tmp_path_factory.mktemp("outgoing") / "footage"
    path.write_bytes(b"".join(number.to_bytes(4, "big") for number in range(1_500_000)))
    return path


steps = st.lists(
    st.one_of(
        st.binary(max_size=3000),
        st.tuples(st.integers(0, 2_000_000), st.integers(0, 4_000_000)),
        st.integers(10, 400_000).map(bytes),
    ),
    max_size=6,
)


@given(steps)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_slow_reader_gets_every_byte_in_order(
    ends: tuple[ClientSocket, socket.socket], footage: Path, steps: list[bytes | tuple[int, int]]
) -> None:
    ours, reader = ends
    sent: list[int] = []
    expected = bytearray()
    for step in steps:
        if isinstance(step, bytes):
            ours.sendall(step)
            expected += step
            continue
        with Footage(footage, sent) as file:
            ours.sendfile(file, *step)
        expected += footage.read_bytes()[step[0] : step[0] + step[1]]
    received = bytearray()
    while len(received) < len(expected):
        if not ours.is_finished:
            ours.go_on()
        received += reader.recv(min(65536, len(expected) - len(received)))
    assert received == expected
    while not ours.is_finished:
        ours.go_on()
    assert sent == [step[1] for step in steps if not isinstance(step, bytes)]


def test_nobody_waits_for_a_reader_that_takes_nothing(
    ends: tuple[ClientSocket, socket.socket], footage: Path
) -> None:
    ours, _reader = ends
    sent: list[int] = []
    with Footage(footage, sent) as file:
        ours.sendall(b"head")
        ours.sendfile(file, 0, 6_000_000)
    ours.sendall(b"tail")
    assert not ours.is_finished
    assert not ours.go_on()
    assert sent == [], "its sending goes on"
    ours.close()
    assert len(sent) == 1, "its sending has ended"
    assert 0 < sent[0] < 6_000_000


def test_what_is_made_piece_by_piece_is_not_piled_up(
    ends: tuple[ClientSocket, socket.socket],
) -> None:
    ours, _reader = ends
    ours.settimeout(0.05)

    def send_on() -> None:
        for _ in range(1000):
            ours.sendall(bytes(100_000))

    with pytest.raises(TimeoutError):
        send_on()


def test_its_maker_waits_for_the_reader(ends: tuple[ClientSocket, socket.socket]) -> None:
    ours, reader = ends
    received = bytearray()

    def read() -> None:
        while len(received) < 12_000_000:
            received.extend(reader.recv(65536))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(120):
        ours.sendall(bytes([number]) * 100_000)
    while not ours.is_finished:
        ours.go_on()
    thread.join(20)
    assert received == b"".join(bytes([number]) * 100_000 for number in range(120))


def test_a_reader_that_has_left_ends_the_sending(
    ends: tuple[ClientSocket, socket.socket], footage: Path
) -> None:
    ours, reader = ends
    sent: list[int] = []
    with Footage(footage, sent) as file:
        ours.sendfile(file, 0, 6_000_000)
    reader.close()

    def send_on() -> None:
        while not ours.is_finished:
            ours.go_on()

    with pytest.raises(OSError, match=r"(?i)pipe|reset"):
        send_on()
    assert ours.is_finished, "nothing is held for it"
    assert len(sent) == 1


def test_of_too_many_readers_that_are_waited_for_the_slowest_goes() -> None:
    """Generated output occupies its thread: only a limited number of those may wait."""
    makers, ended = WaitingMakers(2), queue.Queue[int]()
    pairs = []
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(3):
            reader = stack.enter_context(socket.create_connection(listener.getsockname()))
            ours = stack.enter_context(ClientSocket(listener.accept()[0], makers))
            ours.settimeout(30)
            pairs.append((ours, reader))

        def make(number: int) -> None:
            with suppress(OSError):
                while True:
                    pairs[number][0].sendall(bytes(100_000))
            ended.put(number)

        threads = [threading.Thread(target=make, args=(number,)) for number in range(3)]
        read = []
        for number, thread in enumerate(threads[:2]):
            thread.start()
            # The first reads least.
            for _ in range(30 * (number + 1)):
                read.append(pairs[number][1].recv(65536))
        while len(makers._waited_for) < 2:
            threads[0].join(0.01)
        pairs[0][0]._since -= 1000
        threads[2].start()
        pairs[2][1].recv(65536)
        assert ended.get(timeout=20) == 0, "the slowest was given up"
        for ours, _ in pairs[1:]:
            ours.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(20)
