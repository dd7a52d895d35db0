"""A complete request gets a thread, however its bytes are split."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.server.arriving import (
    LARGEST_SMALL_BODY,
    LONGEST_HEAD,
    Arriving,
    HeadTooLong,
)

_LARGE = LARGEST_SMALL_BODY + 1


def request(head: str, body: bytes = b"") -> bytes:
    """Return a request's bytes."""
    lines = ["POST /somewhere HTTP/1.1", "Host: localhost", *head.splitlines()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(pieces: list[bytes], trailers: bytes = b"", extension: bytes = b"") -> bytes:
    """Return a body in chunks (RFC 9112, 7.1)."""
    chunks = [b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces if piece]
    return b"".join(chunks) + b"0\r\n" + trailers + b"\r\n"


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Provide the ways to split bytes into pieces."""

    def cut(places: list[int]) -> list[bytes]:
        ends = sorted({0, len(data), *places})
        return [data[first:last] for first, last in itertools.pairwise(ends)]

    return st.lists(st.integers(0, len(data)), max_size=12).map(cut)


bodies = st.one_of(
    st.just(request("")),
    st.binary(max_size=300).map(lambda body: request(f"Content-Length: {len(body)}", body)),
    st.binary(max_size=300).map(lambda body: request(f"content-length:{len(body)}", body)),
    st.tuples(
        st.lists(st.binary(max_size=60), max_size=5),
        st.sampled_from([b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nX-More: 2\r\n"]),
        st.sampled_from([b"", b";name=value", b' ; name="a b"']),
    ).map(lambda given: request("Transfer-Encoding: chunked", chunked(*given))),
)


@given(st.data())
def test_it_is_ready_with_its_last_byte_and_not_before(data: st.DataObject) -> None:
    whole = data.draw(bodies)
    arriving = Arriving()
    pieces = data.draw(cuts(whole))
    for piece in pieces[:-1]:
        assert not arriving.feed(piece), "it is not complete"
    assert arriving.feed(pieces[-1]), "it is complete"
    assert arriving.take() == whole, "every byte reaches the parser"
    assert (len(arriving), arriving.ready) == (0, False), "the next request begins anew"


@given(st.data())
def test_a_large_body_is_not_waited_for(data: st.DataObject) -> None:
    head = request(f"Content-Length: {_LARGE}")
    arriving = Arriving()
    ready = [arriving.feed(piece) for piece in data.draw(cuts(head))]
    assert ready == [False] * (len(ready) - 1) + [True]


@pytest.mark.parametrize("body", [b"%x\r\n" % _LARGE + bytes(_LARGE), b"1\r\na\r\n" * _LARGE])
def test_nor_is_one_that_turns_out_to_be_large(body: bytes) -> None:
    arriving = Arriving()
    arriving.feed(request("Transfer-Encoding: chunked"))
    fed = 0
    while not arriving.feed(body[fed : fed + 4096]):
        fed += 4096
        assert fed <= LARGEST_SMALL_BODY + 4096, "it is collected without end"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: x",
        "Content-Length: -1",
        "Content-Length: 5\nContent-Length: 5",
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
        "Content-Length: " + "9" * 40,
    ],
)
def test_what_cannot_be_right_is_left_to_the_parser(head: str) -> None:
    assert Arriving().feed(request(head))


@pytest.mark.parametrize("body", [b"xyz\r\n", b"-1\r\n", b"\r\n", b"fffffffff\r\n"])
def test_so_is_what_is_no_chunk(body: bytes) -> None:
    assert Arriving().feed(request("Transfer-Encoding: chunked", body))


def test_a_long_first_line_is_awaited_like_the_rest_of_the_head() -> None:
    arriving = Arriving()
    line = b"GET /" + b"a" * (LONGEST_HEAD - 100)
    assert not arriving.feed(line)
    assert arriving.feed(b" HTTP/1.1\r\n\r\n")
    with pytest.raises(HeadTooLong):
        Arriving().feed(line + b"a" * 100)


@given(st.integers(1, 5000))
def test_a_head_without_end_is_refused(step: int) -> None:
    arriving = Arriving()
    arriving.feed(b"GET / HTTP/1.1\r\n")
    line = b"X-Filling: " + b"a" * step + b"\r\n"

    def send_on() -> None:
        for _ in range(LONGEST_HEAD // len(line) + 2):
            assert not arriving.feed(line)

    with pytest.raises(HeadTooLong):
        send_on()


@pytest.mark.parametrize(
    ("length", "expected"), [(5, True), (LARGEST_SMALL_BODY, True), (_LARGE, False)]
)
def test_a_client_that_asks_first_is_told_to_send_a_small_body(length: int, expected: bool) -> None:
    arriving = Arriving()
    arriving.feed(request(f"Content-Length: {length}\nExpect: 100-continue"))
    assert arriving.expects_continue is expected


def test_nobody_is_told_to_send_what_has_come() -> None:
    arriving = Arriving()
    arriving.feed(request("Content-Length: 2\nExpect: 100-continue", b"ab"))
    assert not arriving.expects_continue


@given(st.binary(max_size=2000), st.binary(max_size=2000))
def test_nonsense_is_no_accident(first: bytes, second: bytes) -> None:
    arriving = Arriving()
    arriving.feed(first)
    arriving.feed(second)
    assert arriving.take() == first + second
