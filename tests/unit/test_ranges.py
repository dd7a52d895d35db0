"""Answers to requests for bytes, against RFC 9110 and an independent oracle."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigint_web.http.streaming.ranges import BROWSER_PART, Answer, Conditions, answer

ETAG = '"0123abcd"'
MODIFIED = datetime(2026, 11, 21, 12, 0, 0, 345_678, tzinfo=UTC)
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"
LATER = "Sat, 21 Nov 2026 12:00:01 GMT"
EARLIER = "Sat, 21 Nov 2026 11:59:59 GMT"
SIZE = 1000


def _ask(size: int = SIZE, *, bounded: bool = False, **header: str | None) -> Answer:
    return answer(Conditions(**header), size=size, etag=ETAG, modified=MODIFIED, bounded=bounded)


def _oracle(size: int, first: int | None, last: int | None) -> tuple[int, range]:
    """Answer by examining every byte, from the text of RFC 9110, 14.1.2."""
    if first is not None and last is not None and last < first:
        return 200, range(size)
    if first is None:
        assert last is not None
        chosen = [n for n in range(size) if n >= size - last]
    else:
        chosen = [n for n in range(size) if n >= first and (last is None or n <= last)]
    return (206, range(chosen[0], chosen[-1] + 1)) if chosen else (416, range(0))


_NUMBER = st.one_of(st.integers(0, 40), st.integers(0, 10**30))


@settings(max_examples=500)
@given(
    size=st.integers(0, 30),
    first=st.none() | _NUMBER,
    last=st.none() | _NUMBER,
    zeros=st.integers(0, 30),
)
def test_single_ranges_are_those_of_the_oracle(
    size: int, first: int | None, last: int | None, zeros: int
) -> None:
    if first is None and last is None:
        return
    low = "" if first is None else "0" * zeros + str(first)
    high = "" if last is None else "0" * zeros + str(last)
    got = _ask(size, range=f"bytes={low}-{high}")
    status, chosen = _oracle(size, first, last)
    assert got.status == status, f"bytes={low}-{high} of {size}"
    if status != 416:
        assert range(got.first, got.first + got.length) == chosen


@pytest.mark.parametrize(
    ("header", "status", "first", "length"),
    [
        ("bytes=0-99", 206, 0, 100),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=0-1", 206, 0, 2),
        ("bytes=999-", 206, 999, 1),
        ("bytes=-100", 206, 900, 100),
        ("bytes=-5000", 206, 0, 1000),
        ("bytes=500-5000", 206, 500, 500),
        ("Bytes=0-9", 206, 0, 10),
        (" bytes=0-9 ", 206, 0, 10),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=9-1", 200, 0, 1000),
        ("bytes=0-9,20-29", 200, 0, 1000),
        ("bytes=-", 200, 0, 1000),
        ("bytes=", 200, 0, 1000),
        ("bytes=a-b", 200, 0, 1000),
        ("bytes=+1-2", 200, 0, 1000),
        ("bytes=1.0-2", 200, 0, 1000),
        ("bytes=٣-٤", 200, 0, 1000),
        ("seconds=0-9", 200, 0, 1000),
        ("0-9", 200, 0, 1000),
    ],
)
def test_range_headers(header: str, status: int, first: int, length: int) -> None:
    assert _ask(range=header) == Answer(status, first, length)


@pytest.mark.parametrize(
    ("if_range", "partial"),
    [
        (ETAG, True),
        (f" {ETAG} ", True),
        ('"stale"', False),
        (f"W/{ETAG}", False),
        ("0123abcd", False),
        (DATE, True),
        (LATER, False),
        (EARLIER, False),
        ("yesterday", False),
        ("", False),
        ("Sat, 21 Nov 2026 12:00:00 +99999999999999999999", False),
        ("Sat, 21 Nov 99999 12:00:00 GMT", False),
    ],
)
def test_if_range_compares_strongly(if_range: str, partial: bool) -> None:
    assert _ask(range="bytes=0-9", if_range=if_range).status == (206 if partial else 200)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (ETAG, 304),
        (f"W/{ETAG}", 304),
        ("*", 304),
        (f'"other", {ETAG}', 304),
        (f'W/"other" ,W/{ETAG}', 304),
        ('"other"', 200),
        ("", 200),
        ("0123abcd", 200),
    ],
)
def test_if_none_match_compares_weakly(header: str, status: int) -> None:
    assert _ask(if_none_match=header).status == status
    assert _ask(if_none_match=header, if_modified_since=DATE).status == status, "the tag decides"


@pytest.mark.parametrize(
    ("header", "status"), [(DATE, 200), (LATER, 200), (EARLIER, 412), ("x", 200), ("", 200)]
)
def test_if_unmodified_since_refuses_other_bytes(header: str, status: int) -> None:
    assert _ask(if_unmodified_since=header).status == status
    part = _ask(if_unmodified_since=header, range="bytes=0-9")
    assert part.status == (206 if status == 200 else 412)
    assert _ask(if_unmodified_since=header, if_match=ETAG).status == 200, "the tag decides"
    cached = _ask(if_unmodified_since=header, if_none_match=ETAG)
    assert cached.status == (304 if status == 200 else 412), "it comes first"


@pytest.mark.parametrize(
    ("header", "status"), [(DATE, 304), (LATER, 304), (EARLIER, 200), ("x", 200), ("", 200)]
)
def test_if_modified_since(header: str, status: int) -> None:
    assert _ask(if_modified_since=header).status == status


@pytest.mark.parametrize(
    ("header", "status"), [(ETAG, 206), ("*", 206), (f"W/{ETAG}", 412), ('"other"', 412)]
)
def test_if_match_compares_strongly_and_comes_first(header: str, status: int) -> None:
    assert _ask(range="bytes=0-9", if_match=header).status == status
    if status == 412:
        assert _ask(if_match=header, if_none_match=ETAG).status == 412


def test_a_conditional_answer_comes_before_the_range() -> None:
    assert _ask(range="bytes=0-9", if_none_match=ETAG).status == 304
    assert _ask(range="bytes=5000-", if_none_match=ETAG).status == 304


def test_only_open_ended_ranges_are_bounded_for_browsers() -> None:
    size = 5 * BROWSER_PART
    assert _ask(size, bounded=True, range="bytes=0-").length == BROWSER_PART
    assert _ask(size, bounded=True, range=f"bytes={size - 10}-").length == 10
    assert _ask(size, bounded=True, range=f"bytes=0-{size - 1}").length == size
    assert _ask(size, bounded=True, range=f"bytes=-{2 * BROWSER_PART}").length == 2 * BROWSER_PART
    assert _ask(size, bounded=True).length == size
    assert _ask(size, range="bytes=0-").length == size


@given(
    st.builds(
        Conditions,
        range=st.none() | st.text(max_size=60),
        if_range=st.none() | st.text(max_size=60),
        if_match=st.none() | st.text(max_size=60),
        if_none_match=st.none() | st.text(max_size=60),
        if_modified_since=st.none() | st.text(max_size=60),
    ),
    st.integers(0, 100),
)
def test_no_header_is_an_accident(asked: Conditions, size: int) -> None:
    got = answer(asked, size=size, etag=ETAG, modified=MODIFIED)
    assert got.status in {200, 206, 304, 412, 416}
    assert 0 <= got.first <= got.first + got.length <= size
