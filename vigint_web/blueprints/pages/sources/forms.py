"""Forms of sources. Times are entered on the reader's own clock."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    DateTimeLocalField,
    HiddenField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from vigint_web.blueprints.forms import OTHER, PERIODS, on_reader_clock
from vigint_web.clock import utcnow
from vigint_web.i18n.formats import reader_zone
from vigint_web.i18n.refusals import mistake_sentence
from vigint_web.i18n.timezones import offset_of
from vigint_web.services.sources.editing import (
    LONGEST_CAMERA,
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    Facts,
)
from vigint_web.services.sources.tags import parse_tags, tag_mistakes

_FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
NEVER = "never"


class SourceForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the descriptive values of a source."""

    name = StringField(
        _("Name"),
        validators=[InputRequired(_("Enter a name.")), Length(max=LONGEST_NAME)],
        render_kw={"maxlength": LONGEST_NAME, "autocomplete": "off"},
    )
    description = TextAreaField(
        _("Description"),
        validators=[Length(max=LONGEST_DESCRIPTION)],
        render_kw={"rows": 4, "maxlength": LONGEST_DESCRIPTION},
    )
    tags = StringField(
        _("Tags"),
        validators=[Length(max=2000)],
        description=_("Separated by commas, such as: parking, night, case 12."),
        render_kw={"list": "known-tags", "autocomplete": "off"},
    )
    camera = StringField(
        _("Camera"),
        validators=[Length(max=LONGEST_CAMERA)],
        description=_("A camera of this site, or a new name."),
        render_kw={"list": "known-cameras", "maxlength": LONGEST_CAMERA, "autocomplete": "off"},
    )
    recorded_at = DateTimeLocalField(
        _("Recorded at"), format=_FORMATS, validators=[Optional()], render_kw={"step": 1}
    )
    # When clocks go back, an hour occurs twice: which of the two is meant.
    turn = SelectField(
        _("Which of the two hours"), validators=[Optional()], choices=[], validate_choice=False
    )
    version = HiddenField()

    @property
    def is_ambiguous(self) -> bool:
        """Return whether the typed time occurs twice."""
        typed = self.recorded_at.data
        return typed is not None and len(_moments(typed, reader_zone())) == 2

    def show(self, facts: Facts) -> None:
        """Fill in the current values."""
        self.name.data, self.description.data = facts.name, facts.description
        self.tags.data, self.camera.data = ", ".join(facts.tags), facts.camera
        if facts.recorded_at is not None:
            local = facts.recorded_at.astimezone(reader_zone())
            self.recorded_at.data = local.replace(tzinfo=None, microsecond=0, fold=0)
            self.turn.data = str(local.fold)
        self.version.data = facts.version

    def offer_turns(self) -> None:
        """Offer both occurrences of an ambiguous time."""
        typed = self.recorded_at.data
        self.turn.choices = []
        if typed is not None and self.is_ambiguous:
            zone = reader_zone()
            first, second = (offset_of(zone, moment) for moment in _moments(typed, zone))
            self.turn.choices = [
                SelectChoice("", gettext("Choose")),
                SelectChoice("0", gettext("the first, in summer time (%(zone)s)", zone=first)),
                SelectChoice("1", gettext("the second, in winter time (%(zone)s)", zone=second)),
            ]

    def facts(self, before: datetime | None) -> Facts:
        """Return the submitted values.

        Args:
            before: the stored recording time, which is finer than the form's.
        """
        moment = self._moment()
        if before is not None and moment == before.replace(microsecond=0):
            moment = before
        return Facts(
            name=" ".join((self.name.data or "").split()),
            description=(self.description.data or "").replace("\r\n", "\n").strip(),
            tags=tuple(parse_tags(self.tags.data or "")),
            camera=" ".join((self.camera.data or "").split()),
            recorded_at=moment,
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """Check across fields: a time that occurs twice or never."""
        valid = bool(super().validate(extra_validators))
        typed = self.recorded_at.data
        if typed is None:
            if self.recorded_at.errors:
                self.recorded_at.errors = [
                    _("This is not a date and time. Enter both, such as 2026-11-21 14:30.")
                ]
            return valid
        zone = reader_zone()
        moments = _moments(typed, zone)
        if not moments:
            sentence = _(
                "The clocks went forward then (%(zone)s), so this time did not exist. "
                "Enter another one.",
                zone=zone.key,
            )
            return self._refuse(self.recorded_at, sentence)
        if len(moments) == 2 and self.turn.data not in {"0", "1"}:
            sentence = _(
                "The clocks went back then (%(zone)s), so this time occurred twice. Choose "
                "which one.",
                zone=zone.key,
            )
            return self._refuse(self.recorded_at, sentence)
        if moments[0] > utcnow() + timedelta(days=1):
            return self._refuse(self.recorded_at, _("This date is in the future."))
        return valid

    def validate_name(self, field: StringField) -> None:
        """Refuse a blank name."""
        if not (field.data or "").strip():
            raise ValidationError(gettext("Enter a name."))

    def validate_tags(self, field: StringField) -> None:
        """Refuse too many tags, and long ones."""
        mistakes = tag_mistakes(parse_tags(field.data or ""))
        if mistakes:
            raise ValidationError(" ".join(mistake_sentence(one) for one in mistakes))

    def _refuse(self, field: Any, sentence: LazyString) -> bool:
        field.errors = [*field.errors, sentence]
        return False

    def _moment(self) -> datetime | None:
        typed = self.recorded_at.data
        if typed is None:
            return None
        found = _moments(typed, reader_zone())
        return found[-1] if self.turn.data == "1" else found[0]


class TokenEndForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the end of the programs' token."""

    PERIODS: ClassVar[dict[str, LazyString]] = {NEVER: _("no expiry"), **PERIODS}

    period = SelectField(
        choices=[SelectChoice(value, words) for value, words in PERIODS.items()], default=NEVER
    )
    until = DateTimeLocalField(validators=[Optional()])

    def validate(self, extra_validators: Any = None) -> bool:
        """Require the date if that option was chosen."""
        valid = bool(super().validate(extra_validators))
        return valid and not (self.period.data == OTHER and self.until.data is None)

    def ends_at(self) -> datetime | None:
        """Return the chosen end; None for none."""
        if self.period.data == NEVER:
            return None
        if self.period.data == OTHER:
            return on_reader_clock(self.until.data)
        return utcnow() + timedelta(hours=int(self.period.data))


def _moments(typed: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the times at which a zone's clock showed a local time: one, none or two."""
    found = [typed.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return [
        moment
        for moment in dict.fromkeys(found)
        if moment.astimezone(zone).replace(tzinfo=None, fold=0) == typed.replace(fold=0)
    ]
