"""Apply an action to several things, each in a transaction of its own, with an exact report."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vigint_web.errors import VigintError
from vigint_web.extensions import db

MOST_AT_ONCE = 200


@dataclass
class BulkOutcome:
    """The names of what was changed, and the reasons for the others."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, VigintError] = field(default_factory=dict)

    def by_reason(self, why: Callable[[VigintError], str]) -> dict[str, list[str]]:
        """Return the names of what was not changed, grouped by the words of its reason."""
        grouped: dict[str, list[str]] = {}
        for name, error in self.refused.items():
            grouped.setdefault(why(error), []).append(name)
        return grouped


def apply_to_each(names: Iterable[str], do: Callable[[str], object]) -> BulkOutcome:
    """Apply an action to the first `MOST_AT_ONCE` of these, each once.

    A refusal of one changes nothing about the others.
    """
    outcome = BulkOutcome()
    for name in list(dict.fromkeys(names))[:MOST_AT_ONCE]:
        try:
            do(name)
        except VigintError as error:
            db.session.rollback()
            outcome.refused[name] = error
        else:
            outcome.done.append(name)
    return outcome
