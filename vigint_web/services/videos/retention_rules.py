"""Decide when a changed retention setting takes effect. Pure: no clock, no database.

The configuration is read by several processes on several machines, which are not restarted at the
same moment. The database therefore has the number of days in force, and a change of the
configuration is a proposal until it deletes nothing earlier, a user agrees, or time has passed.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# Days of retention; None: until deleted by a user.
Days = int | None

# The waiting time of a change that deletes data earlier, counted while the scheduler runs.
WAIT = timedelta(hours=24)


class Setting(StrEnum):
    """A key of the section [Retention] whose change can delete data."""

    INCIDENTS = "days"
    SOURCES = "source_days"
    LOG = "log_days"


class Action(StrEnum):
    """The action for a setting."""

    NOTHING = "nothing"
    ADOPT = "adopt"  # in force at once: nothing is deleted earlier
    PROPOSE = "propose"  # notify administrators, and begin to wait
    WAIT = "wait"  # add the observed time to the waiting time
    ELAPSE = "elapse"  # the waiting time is over: in force now
    CANCEL = "cancel"  # the configuration was restored


@dataclass(frozen=True)
class Proposal:
    """A shorter retention that is not in force yet."""

    days: Days
    waited: timedelta = timedelta(0)
    # An administrator decided to keep the value in force as long as the configuration differs.
    declined: bool = False

    @property
    def remaining(self) -> timedelta:
        """Return the remaining waiting time."""
        return max(WAIT - self.waited, timedelta(0))


def is_shorter(days: Days, than: Days) -> bool:
    """Return whether one retention ends before another."""
    return days is not None and (than is None or days < than)


@dataclass(frozen=True)
class Limits:
    """The days for which footage of a camera must and may be kept; None: not limited."""

    least: Days = None
    most: Days = None

    def kept(self, days: Days) -> Days:
        """Return the days of the installation, within these limits."""
        if is_shorter(self.most, days):
            days = self.most
        return self.least if self.least is not None and is_shorter(days, self.least) else days


NO_LIMITS = Limits()


@dataclass(frozen=True)
class LimitsProposal:
    """Limits of a camera that would delete earlier, and are not in force yet."""

    limits: Limits
    waited: timedelta = timedelta(0)

    @property
    def remaining(self) -> timedelta:
        """Return the remaining waiting time."""
        return max(WAIT - self.waited, timedelta(0))


def decide_limits(
    stated: Limits,
    in_force: Limits,
    proposal: LimitsProposal | None,
    *,
    days: Days,
    harmless: bool,
    step: timedelta,
) -> Action:
    """Return the action for a camera whose settings state limits.

    Args:
        days: the retention of the installation in force.
        harmless: nothing of this camera is kept.
        step: time observed since the last decision.
    """
    if stated == in_force:
        return Action.NOTHING if proposal is None else Action.CANCEL
    if harmless or not is_shorter(stated.kept(days), in_force.kept(days)):
        return Action.ADOPT
    if proposal is None or proposal.limits != stated:
        return Action.PROPOSE
    return Action.ELAPSE if proposal.waited + step >= WAIT else Action.WAIT


def decide(
    configured: Days,
    in_force: Days,
    proposal: Proposal | None,
    *,
    agreed: bool,
    harmless: bool,
    step: timedelta,
) -> Action:
    """Return the action of one machine whose configuration has `configured`.

    Args:
        agreed: every machine that reported recently has the same value. While they differ, the
        longest retention stays in force and nothing waits, so that machines do not alternately undo
        each other's decisions.
        harmless: nothing would be deleted earlier; only evaluated for a shorter retention.
        step: time observed since the last decision.
    """
    if configured == in_force:
        return Action.CANCEL if proposal is not None and agreed else Action.NOTHING
    if not is_shorter(configured, in_force):
        return Action.ADOPT
    if proposal is not None and proposal.days == configured:
        if not agreed:
            return Action.NOTHING
        if harmless:
            return Action.ADOPT
        if proposal.declined:
            return Action.NOTHING
        return Action.ELAPSE if proposal.waited + step >= WAIT else Action.WAIT
    if not agreed:
        return Action.PROPOSE if proposal is None else Action.NOTHING
    return Action.ADOPT if harmless else Action.PROPOSE


def observed_step(since_last_look: timedelta, since_last_noted: timedelta) -> timedelta:
    """Return the time to add to a waiting time: the smaller of two clocks' differences.

    Args:
        since_last_look: by this process's monotonic clock, which cannot be set; zero for its first
        look, so that the time of a stopped installation does not count.
        since_last_noted: by the wall clock, since any machine recorded a time in the database; it
        keeps several schedulers from counting the same minute twice.
    """
    return max(min(since_last_look, since_last_noted), timedelta(0))
