"""media.webvtt: the time of day beside a video."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from vigint_web.media.webvtt import clock

PARIS = ZoneInfo("Europe/Paris")
CUE = re.compile(r"^(\d+):(\d\d):([\d.]+) --> (\d+):(\d\d):([\d.]+)\n(.+)$", re.MULTILINE)


def _cues(text: str) -> list[tuple[float, float, datetime]]:
    assert text.startswith("WEBVTT\n\n")
    return [
        (
            int(h) * 3600 + int(m) * 60 + float(s),
            int(to_h) * 3600 + int(to_m) * 60 + float(to_s),
            datetime.fromisoformat(shown),
        )
        for h, m, s, to_h, to_m, to_s, shown in CUE.findall(text)
    ]


def test_a_cue_for_every_second_of_the_clock() -> None:
    began = datetime(2026, 11, 21, 14, 30, 5, 300_000, PARIS)
    assert clock(began, 2.0) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:00.700\n2026-11-21 14:30:05+01:00\n\n"
        "00:00:00.700 --> 00:00:01.700\n2026-11-21 14:30:06+01:00\n\n"
        "00:00:01.700 --> 00:00:02.000\n2026-11-21 14:30:07+01:00\n"
    )


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    began = datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC).astimezone(PARIS)
    shown = [moment.isoformat() for *_, moment in _cues(clock(began, 2.0))]
    assert shown == ["2026-10-25T02:59:59+02:00", "2026-10-25T02:00:00+01:00"]


def test_the_clock_goes_on_where_the_picture_does_after_a_gap() -> None:
    began = datetime(2026, 11, 21, 14, 30, 5, tzinfo=PARIS)
    assert clock(began, 3.5, [(1.5, 5000.2)]) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.000\n2026-11-21 14:30:05+01:00\n\n"
        "00:00:01.000 --> 00:00:01.500\n2026-11-21 14:30:06+01:00\n\n"
        "00:00:01.500 --> 00:00:01.800\n2026-11-21 15:53:26+01:00\n\n"
        "00:00:01.800 --> 00:00:02.800\n2026-11-21 15:53:27+01:00\n\n"
        "00:00:02.800 --> 00:00:03.500\n2026-11-21 15:53:28+01:00\n"
    )


_gaps = st.lists(st.tuples(st.floats(0, 500), st.floats(60, 1e6)), max_size=5).map(
    lambda pairs: [
        (round(at, 3), round(sum(gap for _, gap in sorted(pairs)[: number + 1]), 3))
        for number, (at, _) in enumerate(sorted(pairs))
    ]
)


@given(st.floats(1, 600), _gaps, st.integers(0, 999))
@example(1.0, [(0.001, 60.0)], 0)
@example(65.0, [(0.0, 180.663), (2.0, 240.884), (64.998, 300.884)], 118)
def test_cues_are_right_on_each_side_of_every_gap(
    duration: float, gaps: list[tuple[float, float]], milliseconds: int
) -> None:
    began = datetime(2026, 10, 24, 20, 0, 0, milliseconds * 1000, UTC)
    cues = _cues(clock(began.astimezone(PARIS), duration, gaps))
    assert cues[0][0] == 0
    for start, end, moment in cues:
        # Both are in whole milliseconds: one later, a gap belongs to the next cue.
        left_out = [by for at, by in gaps if at <= start + 0.0005]
        passed = start + (left_out[-1] if left_out else 0.0)
        off = (moment - began).total_seconds() - passed
        assert -1.002 < off <= 0.002, "the second that has begun"
        assert not any(start + 0.002 < at < end - 0.002 for at, _ in gaps), "a cue over a gap"


@given(
    began=st.integers(946_684_800_000, 4_070_908_800_000).map(
        lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC)
    ),
    duration=st.floats(0.04, 200_000),
)
def test_cues_cover_the_video_and_tell_the_right_time(began: datetime, duration: float) -> None:
    cues = _cues(clock(began.astimezone(PARIS), duration))
    assert 1 <= len(cues) <= 3_601
    assert cues[0][0] == 0
    assert abs(cues[-1][1] - duration) < 0.01
    for (start, end, moment), following in zip(cues, [*cues[1:], None], strict=True):
        assert start < end
        if following is not None:
            assert abs(following[0] - end) < 0.002
        off = (moment - began).total_seconds() - start
        assert -1.001 < off <= 0.001, "the second that has begun"
