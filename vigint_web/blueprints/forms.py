"""Forms used by several domains. Times are entered on the reader's own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask_babel import LazyString, get_locale, gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, SelectChoice, SelectField, StringField
from wtforms.validators import Length, Optional, ValidationError

from vigint_web.clock import utcnow
from vigint_web.i18n.formats import reader_zone
from vigint_web.i18n.timezones import city_of, find_zone, offered_zones, offset_of, zone_named
from vigint_web.models import Role

# The session's entry for the decision just made, which the next page offers to undo.
DECIDED = "decided"

LANGUAGES = {"fr": "Français", "en": "English"}
ROLE_NAMES: dict[Role, LazyString] = {
    Role.ADMIN: _("Administrator"),
    Role.OPERATOR: _("Operator"),
    Role.VIEWER: _("Viewer"),
}

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


def to_zone_name(field: StringField) -> None:
    """Convert the typed text of a field to the name of a zone; empty: none.

    Raises:
        ValidationError: there is no such zone.
    """
    if not (field.data or "").strip():
        field.data = ""
        return
    found = find_zone(field.data, str(get_locale()))
    if found is None:
        raise ValidationError(gettext("This time zone is unknown. Choose one from the list."))
    field.data = found


def zone_choices() -> list[tuple[str, str]]:
    """Return the zones to choose from: names, and places with their offsets."""
    now, locale = utcnow(), str(get_locale())
    return [
        (name, f"{city_of(name, locale)} ({offset_of(zone_named(name), now)})")
        for name in offered_zones()
    ]


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
