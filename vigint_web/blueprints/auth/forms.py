"""Forms of login and account."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, StringField, SubmitField
from wtforms.validators import EqualTo, InputRequired, Length

from vigint_web.services.users import SHORTEST_PASSWORD


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask who somebody is."""

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
    """Ask for a new password, and for the one in use as proof."""

    current = PasswordField(
        _("Current password"),
        validators=[InputRequired()],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        _("New password"),
        validators=[InputRequired(), Length(min=SHORTEST_PASSWORD, max=256)],
        description=_("At least 12 characters."),
        render_kw={"autocomplete": "new-password"},
    )
    repeated = PasswordField(
        _("New password, again"),
        validators=[InputRequired(), EqualTo("new", _("The two passwords are not the same."))],
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField(_("Change the password"))


class ActionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Carry nothing but the CSRF token: a button that does something."""


class ReasonForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask why."""

    reason = StringField(_("Reason"), validators=[Length(max=500)])
