"""A shorter retention waits for a user or for time; nothing else ever deletes earlier."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from vigint_web.services.videos.retention_rules import (
    NO_LIMITS,
    WAIT,
    Action,
    Days,
    Limits,
    LimitsProposal,
    Proposal,
    decide,
    decide_limits,
    is_shorter,
    observed_step,
)

DAYS = st.one_of(st.none(), st.integers(1, 36_500))
STEPS = st.timedeltas(timedelta(0), timedelta(minutes=5))


@dataclass
class Installation:
    """The state in the database, driven by machines that decide one after the other."""

    in_force: Days
    proposal: Proposal | None = None
    changes: list[Days] = field(default_factory=list)

    def look(
        self, configured: Days, *, agreed: bool, harmless: bool = False, step: timedelta
    ) -> Action:
        action = decide(
            configured, self.in_force, self.proposal, agreed=agreed, harmless=harmless, step=step
        )
        if action in {Action.ADOPT, Action.ELAPSE}:
            self.in_force, self.proposal = configured, None
            self.changes.append(configured)
        elif action == Action.PROPOSE:
            self.proposal = Proposal(configured)
        elif action == Action.CANCEL:
            self.proposal = None
        elif action == Action.WAIT:
            assert self.proposal is not None
            self.proposal = replace(self.proposal, waited=self.proposal.waited + step)
        return action


@given(old=DAYS, new=DAYS, steps=st.lists(STEPS, max_size=20))
def test_nothing_is_shortened_before_the_wait_is_over(
    old: Days, new: Days, steps: list[timedelta]
) -> None:
    installation, waited = Installation(old), timedelta(0)
    for step in steps:
        proposed = installation.proposal is not None
        installation.look(new, agreed=True, step=step)
        if proposed:
            waited += step
        if is_shorter(new, old):
            assert (installation.in_force == new) == (waited >= WAIT)
        else:
            assert installation.in_force == new, "a longer retention waits for nothing"


@given(
    old=DAYS,
    looks=st.lists(st.tuples(st.sampled_from("abc"), STEPS), max_size=60),
    configured=st.fixed_dictionaries({"a": DAYS, "b": DAYS, "c": DAYS}),
)
def test_machines_that_differ_never_shorten_and_never_undo_each_other(
    old: Days, looks: list[tuple[str, timedelta]], configured: dict[str, Days]
) -> None:
    agreed = len(set(configured.values())) == 1
    installation = Installation(old)
    for machine, step in looks:
        before = installation.in_force
        installation.look(configured[machine], agreed=agreed, step=step)
        if not agreed:
            assert not is_shorter(installation.in_force, before), "shortened while machines differ"
    assert len(installation.changes) == len(set(installation.changes)), "flip-flop"


@given(
    old=DAYS,
    looks=st.lists(st.sampled_from("ab"), max_size=60),
    configured=st.fixed_dictionaries({"a": DAYS, "b": DAYS}),
)
def test_machines_that_differ_never_undo_each_other_when_nothing_is_stored(
    old: Days, looks: list[str], configured: dict[str, Days]
) -> None:
    agreed = len(set(configured.values())) == 1
    installation = Installation(old)
    for machine in looks:
        installation.look(configured[machine], agreed=agreed, harmless=True, step=timedelta(0))
    assert len(installation.changes) <= 2, "flip-flop"


@given(old=DAYS, new=DAYS, agreed=st.booleans(), waited=st.timedeltas(timedelta(0), WAIT * 2))
def test_setting_it_back_cancels(old: Days, new: Days, agreed: bool, waited: timedelta) -> None:
    proposal = Proposal(new, waited)
    action = decide(old, old, proposal, agreed=agreed, harmless=False, step=WAIT)
    assert action == (Action.CANCEL if agreed else Action.NOTHING)


@given(step=STEPS)
def test_what_was_declined_waits_for_the_configuration_alone(step: timedelta) -> None:
    declined = Proposal(7, WAIT, declined=True)
    assert decide(7, 30, declined, agreed=True, harmless=False, step=step) == Action.NOTHING
    assert decide(5, 30, declined, agreed=True, harmless=False, step=step) == Action.PROPOSE
    assert decide(30, 30, declined, agreed=True, harmless=False, step=step) == Action.CANCEL
    assert decide(31, 30, declined, agreed=True, harmless=False, step=step) == Action.ADOPT


def test_another_shorter_value_begins_the_wait_anew() -> None:
    nearly = Proposal(7, WAIT - timedelta(seconds=1))
    step = timedelta(minutes=1)
    assert decide(6, 30, nearly, agreed=True, harmless=False, step=step) == Action.PROPOSE
    assert decide(7, 30, nearly, agreed=True, harmless=False, step=step) == Action.ELAPSE


def test_what_destroys_nothing_is_in_force_at_once() -> None:
    step = timedelta(0)
    assert decide(7, 30, None, agreed=True, harmless=True, step=step) == Action.ADOPT
    assert decide(7, 30, None, agreed=False, harmless=True, step=step) == Action.PROPOSE
    assert decide(7, None, None, agreed=True, harmless=False, step=step) == Action.PROPOSE
    assert decide(None, 7, None, agreed=True, harmless=False, step=step) == Action.ADOPT


@given(look=STEPS, jump=st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_clock_that_is_set_adds_no_time(look: timedelta, jump: timedelta) -> None:
    step = observed_step(look, look + jump)
    assert timedelta(0) <= step <= look


def test_schedulers_with_different_clocks_count_a_minute_once() -> None:
    """Two schedulers look every 30 s, 15 s apart; the clock of one is ten minutes ahead."""
    for skew in (timedelta(0), timedelta(minutes=10), timedelta(minutes=-10)):
        waited, noted = timedelta(0), timedelta(0)
        looked: dict[str, timedelta] = {}
        for tick in range(200):
            machine, real = ("a", "b")[tick % 2], timedelta(seconds=15 * tick)
            wall = real + (skew if machine == "b" else timedelta(0))
            last = looked.get(machine)
            waited += observed_step(real - last if last is not None else timedelta(0), wall - noted)
            looked[machine], noted = real, wall
        assert waited <= timedelta(seconds=15 * 200), f"time ran too fast with {skew}"
        assert waited >= timedelta(seconds=15 * 190), f"time stood still with {skew}"


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    least, most = draw(DAYS), draw(DAYS)
    if least is not None and most is not None and least > most:
        least, most = most, least
    return Limits(least, most)


@given(limits(), DAYS)
def test_days_are_within_the_limits_and_as_near_as_possible(its: Limits, days: Days) -> None:
    kept = its.kept(days)
    assert its.least is None or not is_shorter(kept, its.least)
    assert not is_shorter(its.most, kept)
    assert kept in {days, its.least, its.most}
    assert its.kept(kept) == kept
    assert NO_LIMITS.kept(days) == days


@given(limits(), limits(), DAYS, st.lists(STEPS, max_size=20))
def test_limits_delete_nothing_earlier_before_the_wait_is_over(
    old: Limits, new: Limits, days: Days, steps: list[timedelta]
) -> None:
    proposal: LimitsProposal | None = None
    for step in steps:
        action = decide_limits(new, old, proposal, days=days, harmless=False, step=step)
        if action in {Action.ADOPT, Action.ELAPSE}:
            waited = proposal.waited + step if proposal is not None else timedelta(0)
            assert waited >= WAIT or not is_shorter(new.kept(days), old.kept(days))
            return
        if action == Action.PROPOSE:
            proposal = LimitsProposal(new)
        elif action == Action.WAIT:
            assert proposal is not None
            proposal = LimitsProposal(new, proposal.waited + step)
        else:
            assert old == new
