"""One word per concept: no message uses a word or a phrase that the glossary rejects."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment

from vigint_web.i18n.typography import without_code

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "vigint_web/translations/fr/LC_MESSAGES/messages.po"


def _rows(columns: int = 5) -> list[list[str]]:
    lines = (ROOT / "docs/words.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in rows if len(row) == columns][2:]


def _words(cell: str) -> list[str]:
    return [word.strip() for word in cell.split(",") if word.strip()]


def _messages(locale: str) -> list[str]:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="fr")
    texts = (
        message.id if locale == "en" else message.string for message in catalogue if message.id
    )
    return [
        text for found in texts for text in ((found,) if isinstance(found, str) else found or ())
    ]


def _stands_in(word: str, text: str) -> bool:
    plain = without_code(text).replace("’", "'")
    pattern = rf"(?<![\w-]){re.escape(word.replace('’', chr(39)))}s?(?![\w-])"
    return re.search(pattern, plain, re.IGNORECASE) is not None


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_no_message_uses_a_rejected_word(locale: str) -> None:
    rejected = {word for row in _rows() for word in _words(row[3 if locale == "en" else 4])}
    assert len(rejected) > 10, "the glossary cannot be read"
    found = {
        text: word for text in _messages(locale) for word in rejected if _stands_in(word, text)
    }
    assert found == {}


def test_no_message_uses_a_rejected_turn() -> None:
    rejected = {turn for row in _rows(columns=2) for turn in _words(row[0])}
    assert len(rejected) > 5, "the list of turns cannot be read"
    texts = [text for locale in ("en", "fr") for text in _messages(locale)]
    found = {text: turn for text in texts for turn in rejected if _stands_in(turn, text)}
    assert found == {}


def test_no_word_is_chosen_for_two_things() -> None:
    for column in (1, 2):
        chosen = [word for row in _rows() for word in _words(row[column])]
        assert len(chosen) == len(set(chosen))


def test_no_word_is_both_chosen_and_rejected() -> None:
    for chosen, rejected in ((1, 3), (2, 4)):
        good = {word for row in _rows() for word in _words(row[chosen])}
        assert good & {word for row in _rows() for word in _words(row[rejected])} == set()


@pytest.mark.parametrize(
    ("word", "text", "there"),
    [
        ("mail", "Le mail est parti", True),
        ("mail", "Les mails sont partis", True),
        ("mail", "L’e-mail est parti", False),
        ("mail", "%(mail)s est parti, to_email", False),
        ("clé API", "La clé API est créée", True),
    ],
)
def test_words_are_found_where_they_stand_alone(word: str, text: str, *, there: bool) -> None:
    assert _stands_in(word, text) is there


# Names, and strings that are not words: the classes of a page in a block of their own.
_NOT_TRANSLATED = {"Vigint", "Français", "English", "door", "frame", "./vigint create-api-key"}
_NOT_TRANSLATED |= {"frame inbox-page", "frame inbox-page incident-page"}


def _outside_of_messages(source: str) -> set[str]:
    """Return the words of a template that are neither in a tag nor in a message."""
    tokens = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).lex(source)
    plain = "".join(value if kind == "data" else "\0" for _line, kind, value in tokens)
    plain = re.sub(r"<(style|script)\b.*?</\1>|<[^<>]*>|&\w+;", "\1", plain, flags=re.DOTALL)
    parts = (part.strip(" \n–") for part in re.split("[\0\1]", plain))
    return {part for part in parts if re.search(r"[^\W\d_]{2}", part)}


def test_templates_hold_no_words_but_messages() -> None:
    folder = ROOT / "vigint_web/templates"
    found = {
        path.relative_to(folder).as_posix(): words
        for path in folder.rglob("*")
        if path.suffix in {".html", ".txt"}
        and (words := _outside_of_messages(path.read_text(encoding="utf-8")) - _NOT_TRANSLATED)
    }
    assert found == {}


def test_scripts_hold_no_sentences() -> None:
    """A script's texts come from the page that loads it, in the reader's language."""
    sentence = re.compile(r"""["'`][A-ZÀ-Ý][\w’']+ [a-zà-ÿ][^"'`]*["'`]""")
    folder = ROOT / "vigint_web/static/js"
    found = {path.name: sentence.findall(path.read_text("utf-8")) for path in folder.glob("*.js")}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('<p>{{ _("Words") }}</p>', set()),
        ("<p>Words {{ count }} here</p>", {"Words", "here"}),
        ("{# a comment #}<title>{% block title %}{% endblock %} – Vigint</title>", {"Vigint"}),
        ("<style>.a { color: red }</style>&nbsp;·", set()),
    ],
)
def test_words_outside_of_messages_are_found(source: str, words: set[str]) -> None:
    assert _outside_of_messages(source) == words
