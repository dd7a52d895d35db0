"""Forms used by several domains. Times are entered on the reader's own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, SelectChoice, SelectField, StringField
from wtforms.validators import Length, Optional

from vigint_web.clock import utcnow
from vigint_web.i18n.formats import reader_zone

# The session's entry for the decision just made, which the next page offers to undo.
DECIDED = "decided"

OTHER = "other"
PERIODS: dict[str, LazyString] = {
    "24": _("24 hours"),
    "48": _("48 hours"),
    "168": _("7 days"),
    OTHER: _("until a date"),
}


def on_one_line(text: str | None) -> str | None:
    """Collapse white space: a filter for fields of names."""
    return " ".join(text.split()) if text else text


def on_reader_clock(typed: datetime) -> datetime:
    """Convert a naive local time in the reader's zone to UTC."""
    return typed.replace(tzinfo=reader_zone()).astimezone(UTC)


class PeriodForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the end of a link's validity."""

    period = SelectField(
        _("Works for"),
        choices=[SelectChoice(value, words) for value, words in PERIODS.items()],
        default="48",
    )
    until = DateTimeLocalField(_("Until"), validators=[Optional()])

    def validate(self, extra_validators: Any = None) -> bool:
        """Require the date if that option was chosen: an empty field skips its own validators."""
        valid = bool(super().validate(extra_validators))
        if self.period.data == OTHER and self.until.data is None and not self.until.errors:
            self.until.errors = [_("Enter the date and time until which the link works.")]
            return False
        return valid

    def expires_at(self) -> datetime:
        """Return the chosen end."""
        if self.period.data == OTHER:
            return on_reader_clock(self.until.data)
        return utcnow() + timedelta(hours=int(self.period.data))


class ActionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Contains only the CSRF token: for buttons."""


class ReasonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for a reason."""

    reason = StringField(_("Reason"), validators=[Length(max=500)])
