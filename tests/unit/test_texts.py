"""Nothing that people read stands outside the catalogues: not in templates, scripts or modules."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

WEB = Path(__file__).resolve().parents[2] / "vigint_web"
TEMPLATES = sorted((WEB / "templates").rglob("*.html")) + sorted((WEB / "templates").rglob("*.txt"))
SCRIPTS = sorted((WEB / "static/js").glob("*.js"))
# Everything whose text may reach a person or a program; commands and workers speak English.
ROOMS = (
    *("blueprints", "http", "serializers", "services", "models", "storage", "net", "crypto"),
    *("mail", "i18n", "errors.py", "permissions.py"),
)
# What has sentences in English nevertheless, and who reads them.
IN_ENGLISH = {
    "blueprints/api/docs": "developers: descriptions in OpenAPI",
    "blueprints/api/hosting/requests.py": "developers: descriptions in OpenAPI",
    "blueprints/api/incidents/requests.py": "developers: descriptions in OpenAPI",
    "blueprints/api/read/requests.py": "developers: descriptions in OpenAPI",
    "blueprints/api/review/requests.py": "developers: descriptions in OpenAPI",
    "blueprints/api/sharing/requests.py": "developers: descriptions in OpenAPI",
    "blueprints/api/tokens/requests.py": "developers: descriptions in OpenAPI",
    "http/pages/openapi.py": "developers: descriptions in OpenAPI",
    "services/incidents/documents.py": "developers: descriptions in OpenAPI",
    "services/operations": "administrators: commands and metrics",
    "services/audit/verification.py": "administrators: commands",
    "services/retention/words.py": "administrators: commands",
    "services/core/event_metrics.py": "administrators: metrics",
    "services/core/listed_jobs.py": "the log",
    "services/processing": "the log",
    "storage": "the log",
    "services/core/odd_values.py": "nobody: words that detectors use",
    "services/core/transactions.py": "nobody: words of databases",
    "services/audit/trail.py": "nobody: SQL",
    "models": "nobody: SQL",
    "i18n/formats.py": "nobody: patterns of dates",
    "i18n/typography.py": "whoever edits the catalogues",
    "i18n/user_agents.py": "names of browsers",
    # Labels that are stored, and what `i18n.sentences` reads them as.
    "services/core/actors.py": "nobody: labels",
    "services/links/key_rotation.py": "nobody: labels",
    "i18n/sentences.py": "nobody: labels",
}
MODULES = sorted(
    path
    for room in ROOMS
    for path in ([WEB / room] if room.endswith(".py") else (WEB / room).rglob("*.py"))
    if not str(path.relative_to(WEB)).startswith(tuple(IN_ENGLISH))
)
LETTERS = re.compile(r"[^\W\d_]{2}")
TRANSLATES = {"_", "gettext", "ngettext", "lazy_gettext", "lazy_ngettext", "pgettext"}

# Texts that are the same in every language.
SAME_EVERYWHERE = {
    "Vigint": "our name",
    "VIGINT": "our name",
    "– Vigint": "our name, after a page's title",
    "Français": "a language's own name for itself",
    "English": "a language's own name for itself",
    "./vigint": "a command",
    "config.ini": "a file",
    "SHA-256": "a name",
    "JSON": "a name",
    "HTML": "a name",
    "Python": "a name",
    "OpenCV": "a name",
    "curl": "a name",
    "(no route)": "for the log",
}
# Code for copying, and markup of mails for mail programs.
CODE = {"code", "pre", "kbd", "samp", "script", "style"}
TEXT_ATTRIBUTES = {"title", "alt", "aria-label", "placeholder", "aria-description", "label"}
# Attributes of `data-` contain codes or sentences; these are sentences.
_SENTENCE = re.compile(r"[A-ZÀ-Ý][^\W\d_]+(?: |$|[.?!…])|[^\W\d_]{2,} [^\W\d_]{2,}")
_ENVIRONMENT = Environment(  # noqa: S701 - it parses, and renders nothing
    extensions=["jinja2.ext.i18n"], trim_blocks=True, lstrip_blocks=True
)


def _needs_translation(text: str) -> bool:
    plain = " ".join(text.split())
    for known in sorted(SAME_EVERYWHERE, key=len, reverse=True):
        plain = plain.replace(known, "")
    return bool(LETTERS.search(plain))


class _Reader(HTMLParser):
    """Collect a page's literal texts."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in CODE:
            self._inside.append(tag)
        for name, value in attrs:
            sentence = name.startswith("data-") and _SENTENCE.search(value or "")
            if (name in TEXT_ATTRIBUTES or sentence) and _needs_translation(value or ""):
                self.texts.append(f"{name}={value}")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside and _needs_translation(data):
            self.texts.append(" ".join(data.split()))


def _own_words(source: str) -> list[str]:
    """Return the literal texts of a template."""
    # A block that fills an attribute of the surrounding page.
    plain = re.sub(r"\{% block \w+_class %\}[\w -]*\{% endblock %\}", "", source)
    data = [value for _line, kind, value in _ENVIRONMENT.lex(plain) if kind == "data"]
    reader = _Reader()
    # An expression is replaced by a separator, so that the words around it stay apart.
    reader.feed("\N{OBJECT REPLACEMENT CHARACTER}".join(data))
    reader.close()
    return [*reader.texts, *_printed_constants(_ENVIRONMENT.parse(source))]


def _printed_constants(template: nodes.Template) -> Iterator[str]:
    """Yield the strings that expressions print without a catalogue."""

    def values(node: nodes.Node) -> Iterator[str]:
        match node:
            case nodes.Const() if isinstance(node.value, str):
                yield node.value
            case nodes.CondExpr():
                yield from values(node.expr1)
                if node.expr2 is not None:
                    yield from values(node.expr2)
            case nodes.Or() | nodes.And() | nodes.Add():
                yield from values(node.left)
                yield from values(node.right)
            case nodes.Concat():
                for part in node.nodes:
                    yield from values(part)
            case nodes.Filter() if node.node is not None:
                yield from values(node.node)
            case _:
                return

    for output in template.find_all(nodes.Output):
        for child in output.nodes:
            if not isinstance(child, nodes.TemplateData):
                # A class or an attribute is not text: text starts with a capital or has several
                # words.
                yield from (
                    text
                    for text in values(child)
                    if _SENTENCE.search(text) and _needs_translation(text)
                )


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello</p>",
        '<p title="A title">{{ x }}</p>',
        '<img alt="A picture">',
        '<p data-says="It is done.">{{ _("Done") }}</p>',
        '<p>{{ "Done" if x else _("Open") }}</p>',
        "<p>{% if x %}Yes{% endif %}</p>",
        '<input placeholder="Name">',
        "<p>{{ count }} files</p>",
    ],
)
def test_words_outside_the_catalogues_are_found(source: str) -> None:
    assert _own_words(source)


@pytest.mark.parametrize(
    "source",
    [
        '<p class="card wide" title="{{ _(\'Open\') }}">{{ _("Hello") }} – Vigint</p>',
        "<pre><code>./vigint up</code></pre>",
        '<p data-part="facts" data-state="not_ready">{{ "busy" if x else "quiet" }}</p>',
        "{# Words for us. #}<p>12 – {{ number }} · ✓</p>",
        '<html lang="fr"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    ],
)
def test_what_is_no_text_is_not(source: str) -> None:
    assert _own_words(source) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(WEB)))
def test_templates_say_nothing_of_their_own(path: Path) -> None:
    assert _own_words(path.read_text(encoding="utf-8")) == []


# A script's text: two consecutive words, or anything passed to display or announcement.
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`', re.DOTALL)
_SHOWN = re.compile(
    r"(?:textContent|innerText|title|alt|placeholder|ariaLabel)\s*\+?=\s*[\"'`]\s*[^\W\d_]{2}"
    r"|(?:alert|confirm|prompt|say|toast)\(\s*[\"'`][^\W\d_]{2}"
    r"|setAttribute\(\s*[\"'](?:aria-label|title|alt)[\"'],\s*[\"'`][^\W\d_]{2}"
)
_WORDS = re.compile(r"^[A-ZÀ-Ý][^\W\d_]*[,:]? [^\W\d_]{2,}|[^\W\d_]{2,} [^\W\d_]{2,} [^\W\d_]{2,}")


def _spoken(source: str) -> list[str]:
    plain = _COMMENT.sub("", source)
    strings = (found.group()[1:-1] for found in _STRING.finditer(plain))
    return [
        *(found.group() for found in _SHOWN.finditer(plain)),
        *(text for text in strings if _WORDS.search(re.sub(r"\$\{[^}]*\}", "xx", text))),
    ]


@pytest.mark.parametrize(
    "source",
    [
        'box.textContent = "Saved";',
        'alert("Sorry, no");',
        'button.setAttribute("aria-label", "Play");',
        "show(`Sending ${name} now`);",
        'const text = "The connection was lost";',
    ],
)
def test_a_scripts_own_words_are_found(source: str) -> None:
    assert _spoken(source)


@pytest.mark.parametrize(
    "source",
    [
        "box.textContent = box.dataset.says; // Words for us, not for people.",
        'root.querySelector("details[open], dialog[open]");',
        'fetch("/videos/x", { headers: { "If-None-Match": tag } });',
        '/* Some words of ours. */ part.classList.add("copied");',
    ],
)
def test_a_scripts_code_is_no_text(source: str) -> None:
    assert _spoken(source) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_get_their_sentences_from_the_page(path: Path) -> None:
    assert _spoken(path.read_text(encoding="utf-8")) == []


# Texts for programs, logs and headers, by the called function or its argument.
_FOR_PROGRAMS = re.compile(
    r"^(?:log|logging|logger)\.|Error$|Exception$|abort$|^re\.|field\(|Anyone$"
)
_HEADER_LIKE = re.compile(r"[;=]|^Bearer |^[A-Z][\w-]+$|^%|^Basic ")


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def _shown(source: str) -> list[str]:
    """Return the sentences in a module that no catalogue knows."""
    tree = ast.parse(source)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skipped.add(id(first.value))
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in TRANSLATES or _FOR_PROGRAMS.search(name):
                skipped |= {id(part) for part in ast.walk(node)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in skipped
        and node.value not in SAME_EVERYWHERE
        and not _HEADER_LIKE.search(node.value)
        and re.search(r"^[A-ZÀ-Ý][^\W\d_]+(?: [^\W\d_]+)+|[^\W\d_]{2,} [^\W\d_]{2,}", node.value)
    ]


@pytest.mark.parametrize(
    "source",
    [
        'flash("It is done.")',
        'field.errors = ["This is wrong."]',
        'render_template("x.html", title="A new title")',
    ],
)
def test_a_views_own_words_are_found(source: str) -> None:
    assert _shown(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""What this is."""\nflash(_("It is done."))',
        'log.warning("something went wrong")',
        'headers["Cache-Control"] = "private, no-store"',
        'text(ngettext("%(num)d file here", "%(num)d files here", n))',
    ],
)
def test_a_views_code_is_no_text(source: str) -> None:
    assert _shown(source) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(WEB)))
def test_modules_say_nothing_of_their_own(path: Path) -> None:
    assert _shown(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("room", IN_ENGLISH)
def test_what_may_speak_english_still_does(room: str) -> None:
    paths = [WEB / room] if room.endswith(".py") else sorted((WEB / room).rglob("*.py"))
    assert any(_shown(path.read_text(encoding="utf-8")) for path in paths), "an exception too many"
