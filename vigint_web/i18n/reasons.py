"""Name the reasons for false alarms."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

_INITIAL: dict[str, LazyString] = {
    "staff": _("Authorised: staff"),
    "delivery": _("Authorised: delivery"),
    "round": _("Authorised: security round"),
    "animal": _("Animal"),
    "light_or_weather": _("Light or weather"),
    "camera_moved": _("Camera moved"),
    "test": _("Test"),
    "other": _("Other"),
}


def reason_words(code: str, label: str | None) -> str:
    """Return a reason in words: its label, else the initial one in the reader's language."""
    return label or str(_INITIAL.get(code, code))
