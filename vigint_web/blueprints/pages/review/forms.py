"""Forms for the review of incidents."""

import re

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from vigint_web.blueprints.forms import on_one_line
from vigint_web.errors import Invalid, Mistake, MistakeCode
from vigint_web.models import IncidentState
from vigint_web.services.review.acts import LONGEST_NOTE

_LARGEST_ID = 2**31 - 1  # in both databases
_STATES = [state.value for state in IncidentState]


def number_of(chosen: str) -> int | None:
    """Return the user id in a field, None for an empty one; raises Invalid when it is no number."""
    chosen = chosen.strip()
    if not chosen:
        return None
    if not re.fullmatch("[0-9]{1,10}", chosen) or int(chosen) > _LARGEST_ID:
        raise Invalid([Mistake(MistakeCode.UNKNOWN_ASSIGNEE, "assignee")])
    return int(chosen)


class DecisionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for a decision; `seen` is the state on the page that was shown."""

    decision = SelectField(choices=_STATES)
    seen = SelectField(choices=_STATES)
    reason = StringField(validators=[Length(max=64)])
    note = StringField(validators=[Length(max=LONGEST_NOTE)])


class AssignmentForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the user who works on an incident; empty for none."""

    assignee = StringField()
    seen = StringField()

    def user_id(self) -> int | None:
        """Return the chosen user; raises Invalid when it is no number."""
        return number_of(self.assignee.data or "")

    def seen_id(self) -> int | None:
        """Return the assignee on the page that was shown; raises Invalid as above."""
        return number_of(self.seen.data or "")


class OutsideForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for what happened outside Vigint."""

    kind = StringField(validators=[Length(max=32)])


class FalseAlarmReasonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the label of a reason."""

    label = StringField(
        _("Reason"),
        filters=[on_one_line],
        validators=[
            DataRequired(_("Enter the reason in a few words.")),
            Length(max=100, message=_("At most 100 characters.")),
        ],
        render_kw={"autocomplete": "off", "maxlength": 100},
    )
