"""The form about a camera."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, IntegerField, SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, Length, NumberRange, Optional

from vigint_web.blueprints.forms import on_one_line
from vigint_web.models import LegalRegime, Site
from vigint_web.services.accounts.cameras import (
    LONGEST_NAME,
    LONGEST_NUMBER,
    MOST_DAYS,
    CameraFacts,
)

REGIMES: dict[LegalRegime | None, LazyString] = {
    None: _("not specified"),
    LegalRegime.OPEN: _("open to the public"),
    LegalRegime.CLOSED: _("not open to the public"),
}
_DAYS = [Optional(), NumberRange(1, MOST_DAYS, _("Enter a number from 1 to 36,500."))]
_NUMERIC = {"inputmode": "numeric", "autocomplete": "off"}


class CameraForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the values of a camera."""

    site = SelectField(
        _("Site"), coerce=int, description=_("A camera stays at its site: so do its incidents.")
    )
    name = StringField(
        _("Name"),
        filters=[on_one_line],
        validators=[
            DataRequired(_("Give the camera a name.")),
            Length(max=LONGEST_NAME, message=_("At most 200 characters.")),
        ],
        render_kw={"autocomplete": "off", "maxlength": LONGEST_NAME},
    )
    legal_regime = SelectField(
        _("Filmed area"),
        choices=[SelectChoice(code or "", words) for code, words in REGIMES.items()],
    )
    authorisation_number = StringField(
        _("Authorisation number"),
        filters=[on_one_line],
        validators=[Length(max=LONGEST_NUMBER, message=_("At most 100 characters."))],
        description=_("For example, that of the prefect’s order."),
        render_kw={"autocomplete": "off", "maxlength": LONGEST_NUMBER},
    )
    authorisation_ends = DateField(_("The authorisation ends on"), validators=[Optional()])
    least_days = IntegerField(_("Keep for at least (days)"), validators=_DAYS, render_kw=_NUMERIC)
    most_days = IntegerField(
        _("Keep for at most (days)"),
        validators=_DAYS,
        description=_(
            "As authorised: videos of its incidents are kept within these limits, whatever the "
            "retention period of this installation. What deletes them earlier waits 24 hours, "
            "or for your confirmation."
        ),
        render_kw=_NUMERIC,
    )

    drops_sound = BooleanField(
        _("Remove the sound of its videos"),
        description=_(
            "From the next video on, before it can be watched or downloaded: neither the stored "
            "file nor its copies have any sound. The SHA-256 shown is that of the stored file."
        ),
    )

    def offer(self, sites: list[Site]) -> None:
        """Offer these sites."""
        self.site.choices = [SelectChoice(site.id, site.name) for site in sites]

    def facts(self) -> CameraFacts:
        """Return the typed values."""
        regime = self.legal_regime.data
        return CameraFacts(
            name=self.name.data or "",
            legal_regime=LegalRegime(regime) if regime else None,
            authorisation_number=self.authorisation_number.data or "",
            authorisation_ends=self.authorisation_ends.data,
            least_days=self.least_days.data,
            most_days=self.most_days.data,
            keeps_sound=not self.drops_sound.data,
        )
