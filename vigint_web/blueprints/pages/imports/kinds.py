"""What is imported: the columns of each kind, in the words of a spreadsheet."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import LazyString, force_locale
from flask_babel import lazy_gettext as _

from vigint_web.blueprints.forms import ROLE_NAMES
from vigint_web.config.values import LOCALES
from vigint_web.services.accounts import camera_import, people_import, site_import
from vigint_web.services.accounts.import_plan import Plan
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.csv_input import Line

_LANGUAGE = _("Language")
_TITLES: Mapping[str, LazyString] = {
    "short_name": _("Short name"),
    "name": _("Name"),
    "address": _("Address"),
    "time_zone": _("Time zone"),
    "language": _LANGUAGE,
    "cool_down": _("Cool-down in seconds"),
    "reason_for_sharing": _("Reason for sharing"),
    "site": _("Site"),
    "detector_name": _("Name used by the detector"),
    "films": _("Filmed area"),
    "authorisation_number": _("Authorisation number"),
    "authorisation_ends": _("The authorisation ends on"),
    "least_days": _("Keep for at least (days)"),
    "most_days": _("Keep for at most (days)"),
    "sound": _("Sound"),
    "email": _("E-mail address"),
    "role": _("Role"),
    "sites": _("Sites"),
}
# The fields of a preview, beside those with a title of the same key.
FIELDS: Mapping[str, LazyString] = {
    **_TITLES,
    "timezone": _TITLES["time_zone"],
    "locale": _LANGUAGE,
    "cooldown_seconds": _TITLES["cool_down"],
    "sharing_needs_reason": _TITLES["reason_for_sharing"],
    "legal_regime": _TITLES["films"],
    "keeps_sound": _TITLES["sound"],
}
_FILMS: Mapping[str, LazyString] = {
    "open": _("open to the public"),
    "closed": _("not open to the public"),
}
_SOUND: Mapping[str, LazyString] = {"kept": _("kept"), "removed": _("removed")}
_REASONS: Mapping[str, LazyString] = {"required": _("required"), "optional": _("optional")}
_ROLES: Mapping[str, LazyString] = {role.value: words for role, words in ROLE_NAMES.items()}
WORDS: Mapping[str, Mapping[str, LazyString]] = {
    "films": _FILMS,
    "sound": _SOUND,
    "reason_for_sharing": _REASONS,
    "role": _ROLES,
}


@dataclass(frozen=True)
class Kind:
    """One kind of table: its columns, and the services that export and import it."""

    title: LazyString
    lead: LazyString
    columns: Sequence[str]
    required: Sequence[str]
    export: Callable[[], Iterable[Mapping[str, str]]]
    plan: Callable[[Actor, Sequence[Line]], Plan]
    apply: Callable[[Actor, Sequence[Line], str], Plan]
    # The endpoint of the list, and its title.
    list: str
    list_title: LazyString
    hints: Sequence[LazyString] = field(default=())


KINDS: Mapping[str, Kind] = {
    "sites": Kind(
        _("Import sites"),
        _("Add and change many sites at once, from a table made with a spreadsheet."),
        site_import.COLUMNS,
        site_import.REQUIRED,
        site_import.export_sites,
        lambda _actor, lines: site_import.plan_sites(lines),
        site_import.apply_sites,
        "sites.index",
        _("Sites"),
        (_("A site is identified by its short name, or by its name if the short name is empty."),),
    ),
    "cameras": Kind(
        _("Import cameras"),
        _("Add and change many cameras at once, from a table made with a spreadsheet."),
        camera_import.COLUMNS,
        camera_import.REQUIRED,
        camera_import.export_cameras,
        lambda _actor, lines: camera_import.plan_cameras(lines),
        camera_import.apply_cameras,
        "cameras.index",
        _("Cameras"),
        (
            _(
                "A camera is identified by its site and the name used by the "
                "detector, or by its own name if that is empty."
            ),
        ),
    ),
    "people": Kind(
        _("Import people"),
        _("Invite many people, and change roles and sites, from a table made with a spreadsheet."),
        people_import.COLUMNS,
        people_import.REQUIRED,
        people_import.export_people,
        people_import.plan_people,
        people_import.apply_people,
        "people.index",
        _("People"),
        (
            _(
                "People are identified by their address. New people are "
                "invited by mail, in the language given."
            ),
            _("Separate several sites by commas. Passwords are never imported."),
        ),
    ),
}


def title_of(key: str) -> str:
    """Return the title of a column or field."""
    return str(FIELDS.get(key, key))


def key_of(kind: Kind) -> Callable[[str], str | None]:
    """Return a function that finds the column of a title, in every language."""
    known = {}
    for key in kind.columns:
        known[_folded(key)] = key
        for locale in LOCALES:
            with force_locale(locale):
                known[_folded(str(_TITLES[key]))] = key
    return lambda title: known.get(_folded(title))


def value_of() -> Callable[[str, str], str]:
    """Return a function that finds the value that a cell's words name, in every language."""
    known: dict[tuple[str, str], str] = {}
    for key, words in WORDS.items():
        for locale in LOCALES:
            with force_locale(locale):
                known |= {(key, _folded(str(said))): value for value, said in words.items()}
    return lambda key, cell: known.get((key, _folded(cell)), cell)


def words_of(key: str, value: str) -> str:
    """Return the words of a cell for a value."""
    return str(WORDS.get(key, {}).get(value, value))


def _folded(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split()).casefold()
