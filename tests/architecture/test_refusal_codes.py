"""Services refuse by codes with parameters; statuses and sentences are added in one place each."""

import ast
import string
from collections.abc import Iterator
from importlib import import_module
from inspect import isclass, ismodule
from pathlib import Path
from typing import Any

import pytest

from vigint_web.blueprints.api.docs.operations import OPERATIONS
from vigint_web.errors import CommandRefused, Mistake, MistakeCode, VigintError
from vigint_web.http.base.errors import _OF_KINDS, STATUSES
from vigint_web.i18n import deliveries, refusals, sentences

# The package's name of that name is the one of HTTP.
errors = import_module("vigint_web.errors")
ROOT = Path(__file__).resolve().parents[2]
# Below these folders nothing has words for a client: what they raise is a code.
FOLDERS = (
    *("services", "models", "storage", "media", "net", "crypto", "serializers"),
    *("blueprints/api", "http"),
)
MODULES = sorted(
    path for folder in FOLDERS for path in (ROOT / "vigint_web" / folder).rglob("*.py")
)
# What the web turns into answers, and what it keeps and shows: their text is somebody's to read.
KEPT = (
    "MailObsolete",
    "WebhookGone",
    "CallFailed",
    "CallRefused",
    "MailRefused",
    "MailUndelivered",
)
SHOWN = ("VigintError", "Mistake", *KEPT)
_TRANSLATES = {"gettext", "ngettext", "lazy_gettext", "lazy_ngettext", "pgettext", "npgettext"}
# They describe the API, or render pages and parts of one.
_SPEAK = {"blueprints/api/docs/summaries.py", "http/base/errors.py"}


def _is_sentence(text: str) -> bool:
    words = [word.strip(string.punctuation) for word in text.split()]
    return sum(word.isalpha() and len(word) > 1 for word in words) > 1


def _sentences(node: ast.AST) -> list[str]:
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
        if _is_sentence(part.value)
    ]


def _made(node: ast.AST, names: dict[str, Any]) -> object:
    """Return the class that a call makes one of, or that a `raise` names; None for others."""
    if isinstance(node, ast.Call):
        node = node.func
    found: object = None
    if isinstance(node, ast.Name):
        found = names.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = names.get(node.value.id)
        found = vars(module).get(node.attr) if ismodule(module) else None
    return found


def _speaks(found: object) -> bool:
    """Return whether what is made is shown to a client."""
    if not isclass(found) or issubclass(found, CommandRefused):
        return False
    return any(kind.__name__ in SHOWN for kind in found.__mro__)


def _literals(source: str, names: dict[str, Any]) -> list[str]:
    """Return the sentences that a module gives to what is shown to a client."""
    found = []
    for node in ast.walk(ast.parse(source)):
        raised = node.exc if isinstance(node, ast.Raise) else node
        if isinstance(raised, ast.Call) and _speaks(_made(raised, names)):
            found += _sentences(raised)
    return found


def _translated(source: str) -> list[str]:
    """Return what a module translates by itself."""
    tree = ast.parse(source)
    return [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "flask_babel"
        for alias in node.names
        if alias.name in _TRANSLATES
    ]


def _names(path: Path) -> dict[str, Any]:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return vars(import_module(module))


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT / "vigint_web"))


@pytest.mark.parametrize(
    "source",
    [
        'raise Conflict("It is there already.")',
        'raise Invalid([f"{field} must be a number."])',
        'raise errors.Invalid(["This is no address."]) from None',
        'found = Invalid(["It is too long."])',
        'Mistake(MistakeCode.TOO_LONG, "name", {"why": "because it is long"})',
    ],
)
def test_sentences_of_what_is_raised_are_found(source: str) -> None:
    assert _literals(source, {**vars(errors), "errors": errors})


@pytest.mark.parametrize(
    "source",
    [
        "raise NotFound",
        'raise Mistake(MistakeCode.NOT_TEXT, "video_id", {"most": 12})',
        'raise CommandRefused("There is no backup: make one first.")',
        'raise ValueError("a time without zone is none")',
        'raise Forbidden("invalid_key")',
    ],
)
def test_codes_of_what_is_raised_are_no_sentences(source: str) -> None:
    assert not _literals(source, {**vars(errors), "errors": errors})


@pytest.mark.parametrize("path", MODULES, ids=_short)
def test_what_a_client_is_refused_by_is_a_code(path: Path) -> None:
    assert not _literals(path.read_text(encoding="utf-8"), _names(path))


@pytest.mark.parametrize("path", MODULES, ids=_short)
def test_no_room_but_the_last_has_sentences(path: Path) -> None:
    if _short(path) not in _SPEAK:
        assert not _translated(path.read_text(encoding="utf-8"))


def test_a_module_that_translates_is_found() -> None:
    assert _translated("from flask_babel import gettext as _") == ["gettext"]
    assert not _translated("from flask_babel import force_locale, get_locale")


def _classes(kind: type[VigintError]) -> Iterator[type[VigintError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _classes(one)


def test_no_refusal_knows_its_status() -> None:
    for path in MODULES:
        _names(path)  # everything is imported
    assert [kind for kind in _classes(VigintError) if "status" in vars(kind)] == []


def test_every_code_of_a_refusal_has_a_sentence() -> None:
    for path in MODULES:
        _names(path)
    codes = {
        str(vars(kind)["code"])
        for kind in _classes(VigintError)
        if "code" in vars(kind) and not issubclass(kind, CommandRefused)
    }
    known = set(sentences._REFUSALS)
    # Never an answer: a worker lost its row; every refusal of a form is said by its mistakes.
    silent = {"lease_lost"}
    assert codes - known == silent
    assert set(STATUSES) - known == silent, "a status of a code that nothing says"


@pytest.mark.parametrize("code", MistakeCode)
def test_every_mistake_has_a_sentence(code: MistakeCode) -> None:
    assert str(refusals._MISTAKES[code])


def test_descriptions_have_the_statuses_that_are_answered() -> None:
    for path in MODULES:
        _names(path)
    kinds = {
        str(vars(kind)["code"]): kind for kind in _classes(VigintError) if "code" in vars(kind)
    }
    by_kind = {
        code: status
        for code, kind in kinds.items()
        for status in [next((_OF_KINDS[one] for one in kind.__mro__ if one in _OF_KINDS), None)]
        if status is not None
    }
    # Of HTTP itself: nothing of ours raises them.
    answered = {**by_kind, **STATUSES, "csrf_failed": 400, "unsupported_media_type": 415}
    answered |= {"range_not_satisfiable": 416, "precondition_failed": 412, "empty_incident": 422}
    wrong = {
        (endpoint, code, status)
        for endpoint, operation in OPERATIONS.items()
        for code, status in operation.refusals.items()
        if answered[code] != status
    }
    # A revoked link is gone for who opens it, and in the way of who would extend it.
    assert wrong == {("hosting.extend", "link_revoked", 409)}


def _kept(source: str, names: dict[str, Any]) -> list[str]:
    """Return the beginnings of what a module gives to what is kept of a delivery."""
    return [
        part.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and getattr(_made(node, names), "__name__", "") in KEPT
        and node.args
        for part in list(ast.walk(node.args[0]))[:3]
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def test_what_is_kept_of_a_delivery_has_a_sentence() -> None:
    kept = [
        text
        for path in [*MODULES, *sorted((ROOT / "vigint_web/mail").glob("*.py"))]
        for text in _kept(path.read_text(encoding="utf-8"), _names(path))
    ]
    assert len(kept) > 10
    known = set(deliveries._SENTENCES)
    assert {text.partition(":")[0] for text in kept} <= known


def _facts_given() -> Iterator[tuple[str, MistakeCode, set[str]]]:
    """Yield where a mistake is made, which, and the names of what its sentence may use."""
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        if "Mistake(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Call) and _made(node, _names(path)) is Mistake):
                continue
            code = node.args[0]
            if not (isinstance(code, ast.Attribute) and code.attr in MistakeCode.__members__):
                continue
            given = {"field"} if len(node.args) > 1 else set()
            if len(node.args) > 2:
                facts = node.args[2]
                given |= (
                    {str(ast.literal_eval(key)) for key in facts.keys if key is not None}
                    if isinstance(facts, ast.Dict)
                    else {"*"}
                )
            yield f"{_short(path)}:{node.lineno}", MistakeCode[code.attr], given


def test_every_mistake_has_what_its_sentence_names() -> None:
    made = list(_facts_given())
    assert len(made) > 30
    for where, code, given in made:
        text = str(refusals._MISTAKES[code])
        named = {part.split(")")[0] for part in text.split("%(")[1:]}
        assert "*" in given or named <= given, where
