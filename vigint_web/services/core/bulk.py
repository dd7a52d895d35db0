"""Apply an action to several things, each in a transaction of its own, with an exact report."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sqlalchemy.exc import OperationalError

from vigint_web.errors import NotTried, VigintError
from vigint_web.extensions import db

log = logging.getLogger(__name__)

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

    A refusal of one changes nothing about the others. Where the database stops answering, what was
    done until then is reported too.
    """
    outcome = BulkOutcome()
    chosen = list(dict.fromkeys(names))[:MOST_AT_ONCE]
    for number, name in enumerate(chosen):
        try:
            do(name)
        except VigintError as error:
            db.session.rollback()
            outcome.refused[name] = error
        except OperationalError as error:
            db.session.rollback()
            log.warning("a bulk action ended early: %s", type(error).__name__)
            outcome.refused |= dict.fromkeys(chosen[number:], NotTried())
            break
        else:
            outcome.done.append(name)
    return outcome
