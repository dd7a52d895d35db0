"""Sentences about decisions that several views of the review show."""

from flask_babel import gettext as _

from vigint_web.errors import AlreadyDecided
from vigint_web.i18n.sentences import author_words
from vigint_web.models import IncidentState


def first_words(error: AlreadyDecided) -> str:
    """Return who decided first, and what."""
    words = {
        IncidentState.CONFIRMED: _("confirmed"),
        IncidentState.FALSE_ALARM: _("false alarm"),
        IncidentState.CLOSED: _("closed"),
        IncidentState.NEW: _("reopened"),
    }
    return str(
        _(
            "%(by)s was first: %(decision)s. Nothing was changed.",
            by=author_words(str(error.facts["by"])),
            decision=words[IncidentState(str(error.facts["state"]))],
        )
    )
