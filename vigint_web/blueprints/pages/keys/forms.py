"""Form of a new API key."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from vigint_web.blueprints.forms import on_one_line
from vigint_web.http.security.rules import offered_scopes
from vigint_web.models import Scope

SCOPE_WORDS: dict[Scope, LazyString] = {
    Scope.INGEST: _("Post incidents and follow them"),
    Scope.HOST: _("Upload videos and manage their links"),
    Scope.UPLOAD: _("Upload sources in pieces, over unreliable connections"),
    Scope.READ: _("Read sources, incidents, links and who opened them"),
    Scope.REVIEW: _("Decide about incidents, assign them, add notes"),
    Scope.SHARE: _("Share videos of incidents, revoke links"),
}
LIVES: dict[str, LazyString] = {
    "": _("until it is revoked"),
    "30": _("30 days"),
    "90": _("90 days"),
    "365": _("one year"),
}
# Only scopes that some route requires.
OFFERED = offered_scopes()


def _one_at_least(_form: FlaskForm, field: SelectMultipleField) -> None:
    # With InputRequired the browser would require every box.
    if not field.data:
        raise ValidationError(_("Choose at least one."))


class KeyForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Ask for the purpose of a new key."""

    name = StringField(
        _("Name"),
        filters=[on_one_line],
        validators=[
            InputRequired(_("Give the key a name.")),
            Length(max=200, message=_("At most 200 characters.")),
        ],
        description=_(
            "The program that will use it, for example the name of a detector or a camera."
        ),
        render_kw={"autocomplete": "off", "maxlength": 200},
    )
    site = SelectField(
        _("Site"),
        coerce=lambda value: int(value) if value else None,
        validators=[InputRequired(_("Choose a site."))],
        description=_(
            "What is sent with the key belongs to this site; it gives access to no other."
        ),
    )
    days = SelectField(
        _("Works for"),
        choices=[SelectChoice(value, words) for value, words in LIVES.items()],
        default="",
        description=_("A program whose key has expired is refused: create a new one in time."),
    )
    scopes = SelectMultipleField(
        _("What it may do"),
        coerce=Scope,
        choices=[SelectChoice(scope, SCOPE_WORDS[scope]) for scope in OFFERED],
        default=[Scope.INGEST],
        validators=[_one_at_least],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
