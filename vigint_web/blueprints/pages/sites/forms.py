"""Forms about sites."""

from flask_babel import LazyString, gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    IntegerField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from vigint_web.blueprints.forms import LANGUAGES, on_one_line, to_zone_name
from vigint_web.config.values import LOCALES
from vigint_web.services.accounts.sites import (
    LONGEST_ADDRESS,
    LONGEST_COOL_DOWN,
    LONGEST_NAME,
    SiteFacts,
)


class SiteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the values of a site."""

    name = StringField(
        _("Name"),
        filters=[on_one_line],
        validators=[
            DataRequired(_("Give the site a name.")),
            Length(max=LONGEST_NAME, message=_("At most 200 characters.")),
        ],
        description=_("For example, a shop or a warehouse."),
        render_kw={"autocomplete": "off", "maxlength": LONGEST_NAME},
    )
    address = TextAreaField(
        _("Address"),
        filters=[lambda text: (text or "").replace("\r\n", "\n").strip()],
        validators=[Length(max=LONGEST_ADDRESS, message=_("At most 300 characters."))],
        description=_("Where the police have to go. Shown with the incidents of this site."),
        render_kw={"rows": 3, "maxlength": LONGEST_ADDRESS, "autocomplete": "off"},
    )
    timezone = StringField(
        _("Time zone"),
        validators=[Length(max=64)],
        render_kw={"list": "zones", "autocomplete": "off", "spellcheck": "false"},
    )
    locale = SelectField(
        _("Language of the mails"),
        choices=[
            SelectChoice("", _("As configured for the recipient, else French for alerts")),
            *(SelectChoice(code, LANGUAGES[code]) for code in LOCALES),
        ],
        description=_("A recipient’s own language comes first."),
    )
    cooldown_seconds = IntegerField(
        _("Cool-down in seconds"),
        validators=[
            Optional(),
            NumberRange(0, LONGEST_COOL_DOWN, _("Enter a number from 0 to 86,400.")),
        ],
        render_kw={"inputmode": "numeric", "autocomplete": "off"},
    )

    sharing_needs_reason = BooleanField(
        _("Sharing its videos requires a reason"),
        description=_(
            "Asked of those who share; the recipient does not see it. "
            "Alerts are mailed without one."
        ),
    )

    def explain(self, zone: str, seconds: int) -> None:
        """Say what applies to an empty field."""
        self.timezone.description = gettext(
            "Type a city. If empty, times are those of this installation: %(zone)s.", zone=zone
        )
        self.cooldown_seconds.description = gettext(
            "Repeats of an alert within this time are mailed together; with 0, each one is "
            "mailed separately. If empty, the value of this installation applies: %(number)s.",
            number=seconds,
        )

    def validate_timezone(self, field: StringField) -> None:
        """Convert the typed text to the name of a zone."""
        to_zone_name(field)

    def facts(self) -> SiteFacts:
        """Return the typed values."""
        return SiteFacts(
            name=self.name.data or "",
            address=self.address.data or "",
            timezone=self.timezone.data or None,
            locale=self.locale.data or None,
            cooldown_seconds=self.cooldown_seconds.data,
            sharing_needs_reason=self.sharing_needs_reason.data,
        )


def language_words(code: str | None) -> LazyString | str:
    """Return the name of a site's language."""
    return LANGUAGES[code] if code in LANGUAGES else _("As configured for the recipient")
