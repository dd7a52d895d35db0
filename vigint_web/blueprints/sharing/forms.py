"""Forms of shared links. Times are typed on the reader's own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    IntegerField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from vigint_web.clock import utcnow
from vigint_web.formats import reader_zone

OTHER = "other"
PERIODS: dict[str, LazyString] = {
    "24": _("24 hours"),
    "48": _("48 hours"),
    "168": _("7 days"),
    OTHER: _("until a date"),
}


def on_reader_clock(typed: datetime) -> datetime:
    """Return what a naive local time means in the reader's zone, in UTC."""
    return typed.replace(tzinfo=reader_zone()).astimezone(UTC)


class PeriodForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask until when a link works."""

    period = SelectField(
        _("Works for"),
        choices=[SelectChoice(value, words) for value, words in PERIODS.items()],
        default="48",
    )
    until = DateTimeLocalField(_("Until"), validators=[Optional()])

    def validate(self, extra_validators: Any = None) -> bool:
        """Ask for the date that was announced: an empty field stops its own validators."""
        valid = bool(super().validate(extra_validators))
        if self.period.data == OTHER and self.until.data is None and not self.until.errors:
            self.until.errors = [_("Give the date and the time until which the link works.")]
            return False
        return valid

    def expires_at(self) -> datetime:
        """Return the end that was chosen."""
        if self.period.data == OTHER:
            return on_reader_clock(self.until.data)
        return utcnow() + timedelta(hours=int(self.period.data))


class ShareForm(PeriodForm):
    """Ask whom to give a video to, and what they may do."""

    recipients = TextAreaField(
        _("E-mail addresses"),
        validators=[InputRequired(_("Give at least one address.")), Length(max=6000)],
        description=_("One per line, or separated by commas. Each gets a link of their own."),
        render_kw={"rows": 3, "autocomplete": "off", "spellcheck": "false"},
    )
    not_before = DateTimeLocalField(_("Works from"), validators=[Optional()])
    max_views = IntegerField(
        _("Number of viewings"),
        validators=[Optional(), NumberRange(1, 1000, _("A number from 1 to 1000."))],
        description=_("Left empty, it may be watched any number of times."),
        render_kw={"min": 1, "max": 1000, "inputmode": "numeric"},
    )
    download = BooleanField(_("May download the original file, with its name and metadata"))
    note = TextAreaField(
        _("Message"),
        validators=[Length(max=1000)],
        description=_("It is in the mail, above the link."),
        render_kw={"rows": 3, "maxlength": 1000},
    )

    def starts_at(self) -> datetime | None:
        """Return when the links begin to work; None for at once."""
        return on_reader_clock(self.not_before.data) if self.not_before.data else None

    def addresses(self) -> list[str]:
        """Return the addresses that were typed."""
        text = (self.recipients.data or "").replace(",", " ").replace(";", " ")
        return text.split()


class RevocationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask why many links are to end."""

    reason = StringField(_("Reason"), validators=[Length(max=500)])
