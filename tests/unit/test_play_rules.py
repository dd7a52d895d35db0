"""Plays: the parts sent, and the detection of programs."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.links.play_rules import (
    Part,
    Span,
    looks_automated,
    merge_parts,
    merge_spans,
    parts_in_time,
)
from vigint_web.services.videos.stored_files import Film

_spans = st.builds(
    lambda first, length: Span(first, first + length), st.integers(0, 500), st.integers(0, 80)
)


@given(st.lists(_spans, max_size=30))
def test_merging_keeps_every_byte_and_adds_none(spans: list[Span]) -> None:
    merged = merge_spans(spans)
    sent = {byte for span in spans for byte in range(span.first, span.last + 1)}
    kept = [byte for span in merged for byte in range(span.first, span.last + 1)]
    assert kept == sorted(sent), "bytes were lost, added or counted twice"
    assert all(a.last + 1 < b.first for a, b in pairwise(merged))


@given(st.lists(_spans, max_size=10), st.integers(1, 600), st.floats(0.1, 10_000))
def test_parts_lie_within_the_film(spans: list[Span], size: int, duration: float) -> None:
    for start, end in parts_in_time(spans, Film(size, duration)):
        assert 0 <= start <= end <= round(duration, 1) + 0.05


def test_the_whole_file_is_the_whole_film() -> None:
    assert parts_in_time([Span(0, 49), Span(50, 99)], Film(100, 12.0)) == [(0.0, 12.0)]
    assert parts_in_time([Span(0, 9), Span(90, 99)], Film(100, 10.0)) == [(0.0, 1.0), (9.0, 10.0)]
    assert parts_in_time([Span(0, 9)], Film(100, None)) == []
    assert parts_in_time([Span(0, 9)], Film(0, 10.0)) == []


_parts = st.tuples(st.integers(0, 50), st.integers(0, 10)).map(
    lambda pair: (float(pair[0]), float(pair[0] + pair[1]))
)


@given(st.lists(_parts, max_size=20))
def test_seconds_seen_from_two_sides_count_once(parts: list[Part]) -> None:
    def seconds(several: list[Part]) -> set[int]:
        return {second for start, end in several for second in range(int(start), int(end))}

    merged = merge_parts(parts)
    assert seconds(merged) == seconds(parts), "seconds were lost or added"
    assert all(a[1] < b[0] for a, b in pairwise(merged))


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36",
        "python-requests/2.32",
        "Mozilla/5.0 (compatible; ExampleBot/1.0)",
    ],
)
def test_who_says_to_be_a_program_is_suspected(agent: str) -> None:
    assert looks_automated(agent, None)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/145.0",
        "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36",
    ],
)
def test_a_person_is_not_suspected_unless_too_quick(agent: str) -> None:
    assert not looks_automated(agent, None)
    assert not looks_automated(agent, timedelta(seconds=4))
    assert looks_automated(agent, timedelta(milliseconds=300))
