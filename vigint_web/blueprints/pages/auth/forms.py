"""Forms of login and account."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    PasswordField,
    SelectChoice,
    SelectField,
    StringField,
    SubmitField,
)
from wtforms.validators import EqualTo, InputRequired, Length

from vigint_web.blueprints.forms import LANGUAGES, to_zone_name
from vigint_web.config.values import LOCALES
from vigint_web.services.accounts.users import SHORTEST_PASSWORD

# Each language has its own name for itself.
_PASSWORD_ADVICE = _(
    "At least %(least)d characters of any kind. Several words are easy to remember.",
    least=SHORTEST_PASSWORD,
)


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for credentials."""

    email = EmailField(
        _("E-mail address"),
        validators=[InputRequired(), Length(max=254)],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        _("Password"),
        validators=[InputRequired(), Length(max=256)],
        render_kw={"autocomplete": "current-password"},
    )
    submit = SubmitField(_("Log in"))


class PasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for a new password, and for the current one as proof."""

    current = PasswordField(
        _("Current password"),
        validators=[InputRequired(), Length(max=256)],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        _("New password"),
        validators=[InputRequired()],
        description=_PASSWORD_ADVICE,
        render_kw={"autocomplete": "new-password"},
    )
    repeated = PasswordField(
        _("Repeat the new password"),
        validators=[InputRequired(), EqualTo("new", _("The two passwords are not the same."))],
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField(_("Change the password"))


class ForgotForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the address to which a link for a new password is sent."""

    email = EmailField(
        _("E-mail address"),
        validators=[InputRequired(), Length(max=254)],
        render_kw={"autocomplete": "username", "autofocus": True},
    )


class NewPasswordForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask the holder of a mailed link for a password."""

    new = PasswordField(
        _("New password"),
        validators=[InputRequired()],
        description=_PASSWORD_ADVICE,
        render_kw={"autocomplete": "new-password", "autofocus": True},
    )
    repeated = PasswordField(
        _("Repeat the new password"),
        validators=[InputRequired(), EqualTo("new", _("The two passwords are not the same."))],
        render_kw={"autocomplete": "new-password"},
    )


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the code of the second factor."""

    code = StringField(
        _("Code"),
        validators=[InputRequired(), Length(max=40)],
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "characters",
            "spellcheck": "false",
            "autofocus": True,
        },
    )


class PasswordProofForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the password before a second factor is set up."""

    password = PasswordField(
        _("Current password"),
        validators=[InputRequired(), Length(max=256)],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )


class ProofForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for password and code before an action that weakens the account's protection."""

    password = PasswordField(
        _("Current password"),
        validators=[InputRequired(), Length(max=256)],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )
    code = StringField(
        _("Code"),
        validators=[InputRequired(), Length(max=40)],
        description=_("From your authenticator application, or a recovery code."),
        render_kw={"autocomplete": "one-time-code", "spellcheck": "false"},
    )


class PreferencesForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the user's preferences."""

    locale = SelectField(
        _("Language"),
        choices=[
            SelectChoice("", _("Same as the browser")),
            *(SelectChoice(code, LANGUAGES[code]) for code in LOCALES),
        ],
    )
    timezone = StringField(
        _("Time zone"),
        validators=[Length(max=64)],
        render_kw={"list": "zones", "autocomplete": "off", "spellcheck": "false"},
    )
    shortcuts = BooleanField(
        _("Single-key shortcuts"),
        description=_("For example, the space bar in the player. Switch them off if you dictate."),
    )
    autoplay = BooleanField(
        _("Play an incident’s video when it opens"),
        description=_("Once, and without sound."),
    )
    alert_sound = BooleanField(
        _("Sound for new incidents of high and critical risk"),
        description=_("While the list of incidents is open, once you clicked or typed in it."),
    )
    save = SubmitField(_("Save"))

    def validate_timezone(self, field: StringField) -> None:
        """Convert the typed text to the name of a zone."""
        to_zone_name(field)
