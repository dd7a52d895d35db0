"""Forms of shared links. Times are entered on the reader's own clock."""

from datetime import datetime
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    IntegerField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Length, NumberRange, Optional

from vigint_web.blueprints.forms import PeriodForm, on_reader_clock
from vigint_web.services.links.pasted_addresses import Pasted, read_pasted
from vigint_web.services.links.sharing import LONGEST_REASON


class ShareForm(PeriodForm):
    """Ask for the recipients of a video, and their permissions."""

    recipients = TextAreaField(
        _("E-mail addresses"),
        validators=[Length(max=6000)],
        description=_(
            "One per line, or separated by commas or semicolons, with or without names. "
            "Each one gets its own link."
        ),
        render_kw={"rows": 3, "autocomplete": "off", "spellcheck": "false"},
    )
    known = StringField(
        _("Add a known address"),
        validators=[Length(max=254)],
        render_kw={
            "list": "known-addresses",
            "autocomplete": "off",
            "spellcheck": "false",
            "inputmode": "email",
        },
    )
    not_before = DateTimeLocalField(_("Works from"), validators=[Optional()])
    max_views = IntegerField(
        _("Number of viewings"),
        validators=[Optional(), NumberRange(1, 1000, _("Enter a number from 1 to 1,000."))],
        description=_("If empty, the number of viewings is not limited."),
        render_kw={"min": 1, "max": 1000, "inputmode": "numeric"},
    )
    download = BooleanField(_("Allow downloading the original file, with its name and metadata"))
    note = TextAreaField(
        _("Message"),
        validators=[Length(max=1000)],
        description=_("It is in the mail, above the link."),
        render_kw={"rows": 3, "maxlength": 1000},
    )
    reason = StringField(
        _("Reason"),
        validators=[Length(max=LONGEST_REASON, message=_("At most 500 characters."))],
        render_kw={"autocomplete": "off", "maxlength": LONGEST_REASON},
    )

    def ask_why(self, required: bool) -> None:
        """Say whether a reason is required."""
        words = gettext("Kept in the record. The recipient does not see it.")
        if not required:
            words = f"{gettext('Optional.')} {words}"
        self.reason.description = words
        if required:
            self.reason.render_kw = {**self.reason.render_kw, "required": True}

    def starts_at(self) -> datetime | None:
        """Return the start of the links' validity; None for at once."""
        return on_reader_clock(self.not_before.data) if self.not_before.data else None

    def validate(self, extra_validators: Any = None) -> bool:
        """Require a recipient in one of the two fields."""
        valid = super().validate(extra_validators)
        if not self._typed().strip() and not self.recipients.errors:
            self.recipients.errors = [_("Enter at least one address.")]
            return False
        return valid

    def pasted(self) -> Pasted:
        """Return the addresses in the typed or pasted text, and the remaining text."""
        return read_pasted(self._typed())

    def _typed(self) -> str:
        return f"{self.recipients.data or ''}\n{self.known.data or ''}"
