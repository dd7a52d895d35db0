"""Repeats are determined by times of detection, in any order of arrival."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.dispatch.cool_down_rules import Span, choose_span, moment_of

_START = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)
_COOL_DOWN = timedelta(seconds=60)
_arrivals = st.lists(
    st.tuples(st.integers(0, 600).map(lambda s: _START + timedelta(seconds=s)), st.integers(0, 4)),
    max_size=40,
)


def _group(arrivals: list[tuple[datetime, int]]) -> dict[int, int]:
    """Return the first report of each arrival, by its number."""
    spans: list[Span] = []
    firsts: dict[int, int] = {}
    for number, (moment, risk) in enumerate(arrivals):
        chosen = choose_span(spans, moment, risk, _COOL_DOWN)
        if chosen is None:
            spans.append(Span(number, risk, moment, moment))
        else:
            spans[spans.index(chosen)] = chosen.with_moment(moment)
        firsts[number] = number if chosen is None else chosen.first_id
    return firsts


@given(_arrivals)
def test_two_further_apart_than_the_cool_down_are_never_repeats_of_one_another(
    arrivals: list[tuple[datetime, int]],
) -> None:
    firsts = _group(arrivals)
    for number, (moment, risk) in enumerate(arrivals):
        for other in range(number):
            if firsts[other] == firsts[number]:
                assert abs(moment - arrivals[other][0]) < _COOL_DOWN
        assert arrivals[firsts[number]][1] >= risk, "a rising risk is mailed at once"


@given(_arrivals)
def test_what_fits_into_a_span_that_was_told_of_begins_no_other(
    arrivals: list[tuple[datetime, int]],
) -> None:
    firsts = _group(arrivals)
    for number, (moment, risk) in enumerate(arrivals):
        if firsts[number] != number:
            continue
        for first in {firsts[other] for other in range(number)}:
            members = [arrivals[n][0] for n in range(number) if firsts[n] == first]
            apart = max([*members, moment]) - min([*members, moment])
            assert apart >= _COOL_DOWN or arrivals[first][1] < risk


@given(st.permutations([0, 20, 50]))
def test_one_span_is_one_group_in_whatever_order_it_arrives(seconds: list[int]) -> None:
    firsts = _group([(_START + timedelta(seconds=s), 1) for s in seconds])
    assert set(firsts.values()) == {0}


@given(st.timedeltas(timedelta(days=-900), timedelta(days=900)))
def test_a_clock_that_is_wrong_gives_way_to_the_receipt(ahead: timedelta) -> None:
    moment = moment_of(_START + ahead, _START)
    believed = timedelta(days=-365) <= ahead <= timedelta(0)
    assert moment == (_START + ahead if believed else _START)
