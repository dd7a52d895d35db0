"""Decide when a changed retention setting comes into force. Pure: no clock, no database.

The configuration is read by several processes on several machines, which are not restarted at the
same moment. The database therefore keeps which number of days is in force, and a change of the
configuration is a proposal until nothing can be lost by it, a person agrees, or time has passed.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

# Days that something is kept; None: until a person deletes it.
Days = int | None

# What a change that deletes something earlier waits for, counted while the scheduler runs.
WAIT = timedelta(hours=24)


class Setting(StrEnum):
    """Name a key of the section [Retention] whose change can destroy something."""

    INCIDENTS = "days"
    SOURCES = "source_days"
    LOG = "log_days"


class Action(StrEnum):
    """Say what is to be done about a setting."""

    NOTHING = "nothing"
    ADOPT = "adopt"  # in force at once: nothing is lost earlier by it
    PROPOSE = "propose"  # tell people, and begin to wait
    WAIT = "wait"  # add the observed time to the waiting
    ELAPSE = "elapse"  # the waiting is over: in force now
    CANCEL = "cancel"  # the configuration was set back


@dataclass(frozen=True)
class Proposal:
    """A shorter retention that is not in force yet."""

    days: Days
    waited: timedelta = timedelta(0)
    # An administrator decided to keep what is in force for as long as the configuration differs.
    declined: bool = False

    @property
    def remaining(self) -> timedelta:
        """Return how long it still waits."""
        return max(WAIT - self.waited, timedelta(0))


def is_shorter(days: Days, than: Days) -> bool:
    """Return whether one retention ends before another."""
    return days is not None and (than is None or days < than)


def decide(
    configured: Days,
    in_force: Days,
    proposal: Proposal | None,
    *,
    agreed: bool,
    harmless: bool,
    step: timedelta,
) -> Action:
    """Return what one machine does that reads `configured` in its configuration.

    Args:
        agreed: every machine that reported lately reads the same. While they differ, the longest
            retention stays in force and nothing waits, so that machines never undo each other's
            decisions in turn.
        harmless: nothing would be deleted earlier; only asked for a shorter retention.
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
    """Return how much time may be added to a waiting: the least of what two clocks say.

    Args:
        since_last_look: by this process's monotonic clock, which nobody can set; zero for its
            first look, so that the time of a stopped installation does not count.
        since_last_noted: by the wall clock, since any machine noted a time in the database; it
            keeps several schedulers from counting the same minute twice.
    """
    return max(min(since_last_look, since_last_noted), timedelta(0))
