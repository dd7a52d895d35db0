"""The French catalogue has everything in the English sentences, and nothing else."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from vigint_web.i18n.catalogs import compile_catalogs
from vigint_web.i18n.typography import mistakes, without_code

ROOT = Path(__file__).resolve().parents[2]
FRENCH = ROOT / "vigint_web/translations/fr/LC_MESSAGES/messages.po"
KEYWORDS = {**DEFAULT_KEYWORDS, "lazy_gettext": None}
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?([a-z%])")

# Words by which programs and people identify the mail (contract of the French mail).
MAIL = {
    "VIGINT SYSTEM ALERT": "ALERTE SYSTÈME VIGINT",
    "Type of alert": "Type d'alerte",
    "Timestamp": "Horodatage",
    "INCIDENT DETAILS": "DÉTAILS DE L'INCIDENT",
    "Risk level": "Niveau de risque",
    "Frame number": "Numéro d'image",
    "Confidence": "Confiance",
    "AI analysis": "Analyse IA",
    "VIDEO EVIDENCE AVAILABLE": "PREUVES VIDÉO DISPONIBLES",
    "Secure private link": "Lien privé sécurisé",
    "File size": "Taille du fichier",
    "Expiration": "Expiration",
    "Video ID": "ID Vidéo",
    "IMPORTANT": "IMPORTANT",
    "This link is private and secure.": "Ce lien est privé et sécurisé.",
}

HOURS = (
    "It will expire automatically in %(num)d hour.",
    "It will expire automatically in %(num)d hours.",
)


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def _ids(message: str | tuple[str, ...]) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else message


def _key(message: Message) -> str | tuple[str, ...]:
    return message.id if isinstance(message.id, str) else tuple(message.id)


@pytest.fixture(scope="module")
def used() -> set[str | tuple[str, ...]]:
    with (ROOT / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]  # untyped in Babel
    found: set[str | tuple[str, ...]] = set()
    for _file, _line, message, _comments, _context in extract_from_dir(
        ROOT, methods, options, keywords=KEYWORDS
    ):
        found.add(tuple(message) if isinstance(message, list | tuple) else message)
    return found


@pytest.fixture(scope="module")
def french() -> Catalog:
    with FRENCH.open("rb") as file:
        return read_po(file, locale="fr")


def _messages(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def test_extraction_finds_views_templates_and_mails(used: set[str | tuple[str, ...]]) -> None:
    assert "You are logged out." in used
    assert "Private link" in used
    assert HOURS in used
    assert "The file is empty. Choose it again and upload it." in used


def test_every_used_message_has_a_french_translation(
    used: set[str | tuple[str, ...]], french: Catalog
) -> None:
    translated = {_key(message) for message in _messages(french) if all(_strings(message))}
    assert sorted(map(str, used - translated)) == []


def test_no_translation_is_unused_fuzzy_or_obsolete(
    used: set[str | tuple[str, ...]], french: Catalog
) -> None:
    known = {_key(message) for message in _messages(french)}
    assert sorted(map(str, known - used)) == []
    assert [message.id for message in _messages(french) if message.fuzzy] == []
    assert list(french.obsolete) == []


def test_placeholders_are_those_of_the_message(french: Catalog) -> None:
    for message in _messages(french):
        ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
        expected = set(PLACEHOLDER.findall(ids[-1])) if message.python_format else set()
        for string in _strings(message) if message.python_format else ():
            assert set(PLACEHOLDER.findall(string)) == expected, message.id


def test_plurals_are_all_there(french: Catalog) -> None:
    for message in _messages(french):
        if message.pluralizable:
            assert len(_strings(message)) == french.num_plurals == 2, message.id


def test_the_mail_has_its_literal_words(french: Catalog) -> None:
    for english, expected in MAIL.items():
        message = french.get(english)
        assert message is not None
        assert message.string == expected
    hours = french.get(HOURS)
    assert hours is not None
    assert _strings(hours) == (
        "Il expirera automatiquement dans %(num)d heure.",
        "Il expirera automatiquement dans %(num)d heures.",
    )


def test_french_typography(french: Catalog) -> None:
    found = {
        string: mistakes(string, "fr")
        for message in _messages(french)
        if message.id not in MAIL  # literal words, fixed by a contract
        for string in _strings(message)
    }
    assert {string: rules for string, rules in found.items() if rules} == {}


def test_english_typography(used: set[str | tuple[str, ...]]) -> None:
    strings = {text for message in used for text in _ids(message)}
    found = {string: mistakes(string, "en") for string in strings}
    assert {string: rules for string, rules in found.items() if rules} == {}


# Words for which a French page uses others.
_ANGLICISMS = re.compile(
    r"\b(?:email|emails|login|logout|upload\w*|download\w*|token|tokens|dashboard|tracker|"
    r"supporté\w*|librairie|digital\w*|checker|updat\w+|click\w*|error|failed|ready)\b",
    re.IGNORECASE,
)


def test_french_words(french: Catalog) -> None:
    strings = [text for message in _messages(french) for text in _strings(message)]
    assert [text for text in strings if _ANGLICISMS.search(without_code(text))] == []


def test_nobody_is_addressed_as_a_friend(french: Catalog) -> None:
    familiar = re.compile(r"\b(?:tu|toi|ton|ta|tes)\b", re.IGNORECASE)
    strings = [text for message in _messages(french) for text in _strings(message)]
    assert [text for text in strings if familiar.search(text)] == []


def _catalogue(folder: Path, translation: str) -> Path:
    source = folder / "fr/LC_MESSAGES/messages.po"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(f'msgid "Home"\nmsgstr "{translation}"\n', encoding="utf-8")
    return source


def _compiled(source: Path) -> str:
    with source.with_suffix(".mo").open("rb") as file:
        message = read_mo(file).get("Home")
    assert message is not None
    return str(message.string)


def test_compiling_makes_what_is_missing_and_renews_what_is_older(tmp_path: Path) -> None:
    source = _catalogue(tmp_path, "Accueil")
    compile_catalogs(tmp_path)
    assert _compiled(source) == "Accueil"

    source.write_text('msgid "Home"\nmsgstr "Maison"\n', encoding="utf-8")
    newer = source.with_suffix(".mo").stat().st_mtime_ns + 1_000_000
    os.utime(source, ns=(newer, newer))
    compile_catalogs(tmp_path)
    assert _compiled(source) == "Maison"
    assert sorted(path.name for path in source.parent.iterdir()) == ["messages.mo", "messages.po"]


def test_compiling_leaves_alone_what_is_current(tmp_path: Path) -> None:
    source = _catalogue(tmp_path, "Accueil")
    target = source.with_suffix(".mo")
    target.write_bytes(b"compiled by somebody else")
    later = source.stat().st_mtime_ns + 1_000_000
    os.utime(target, ns=(later, later))
    compile_catalogs(tmp_path)
    assert target.read_bytes() == b"compiled by somebody else"


def test_a_folder_that_cannot_be_written_is_told_not_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = _catalogue(tmp_path, "Accueil")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    # Not by file modes: root, who may run the tests, can write everywhere.
    monkeypatch.setattr(Path, "replace", refuse)
    compile_catalogs(tmp_path)
    assert "cannot be compiled" in caplog.text
    assert [path.name for path in source.parent.iterdir()] == ["messages.po"]
