"""Forms about people."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, RadioField, SelectChoice, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from vigint_web.blueprints.forms import LANGUAGES, ROLE_NAMES
from vigint_web.config.values import LOCALES, is_mailbox
from vigint_web.models import Role, Site
from vigint_web.services.accounts.users import normalise_email

ROLE_WORDS: dict[Role, LazyString] = {
    Role.ADMIN: _("manages people, keys and links, and sees every site"),
    Role.OPERATOR: _("adds sources and handles incidents of the granted sites"),
    Role.VIEWER: _("sees the videos of the granted sites, and cannot change anything"),
}


class AccessForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for a user's role and sites."""

    role = RadioField(
        _("Role"),
        coerce=Role,
        choices=[SelectChoice(role, ROLE_NAMES[role]) for role in Role],
        default=Role.VIEWER,
        validators=[InputRequired()],
    )
    sites = SelectMultipleField(
        _("Sites"),
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )

    def offer(self, sites: list[Site]) -> None:
        """Offer these sites; a single one is granted to everybody."""
        self.sites.choices = [SelectChoice(str(site.id), site.name) for site in sites]
        if len(sites) == 1:
            self.sites.data = [sites[0].id]

    def validate_sites(self, field: SelectMultipleField) -> None:
        """Refuse access without any site."""
        if not field.data and self.role.data != Role.ADMIN:
            raise ValidationError(_("Choose at least one site."))


class InviteForm(AccessForm):
    """Ask for the person to invite."""

    email = EmailField(
        _("E-mail address"),
        validators=[InputRequired(), Length(max=254)],
        render_kw={"autocomplete": "off", "autofocus": True},
    )
    locale = SelectField(
        _("Language of the invitation"),
        choices=[SelectChoice(code, LANGUAGES[code]) for code in LOCALES],
    )

    def validate_email(self, field: EmailField) -> None:
        """Refuse an invalid address."""
        if not is_mailbox(normalise_email(field.data or "")):
            raise ValidationError(_("This is not an e-mail address."))
