"""No regular expression of ours takes more than linear time, on any text.

Every pattern is found in the source, and tested with texts made of its own characters: repeated
ones and pairs, which cause catastrophic backtracking.
"""

import ast
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from re import _constants as codes
from re import _parser as parser
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    path
    for folder in ("vigint_web", "vigint_client")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]
_USES = {"match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
# Patterns that are composed at run time, each with its parts.
REVIEWED = {
    (
        "vigint_web/services/notifications/token_masking.py",
        "numbers_in",
    ): "a hexadecimal word and 18 digits",
    ("vigint_client/placeholders.py", ""): "constants, asked about at most 100 characters",
}
# Patterns that are applied to short texts only, by file: the length that their code ensures.
BOUNDED = {
    "vigint_web/blueprints/api/incidents/bodies.py": 64,
    "vigint_web/services/core/moments.py": 100,
    "vigint_web/services/core/odd_values.py": 64,
}
_LENGTH = 12_000


@dataclass(frozen=True)
class Use:
    """A pattern, how it is applied, and where."""

    where: str
    pattern: re.Pattern[Any]
    how: frozenset[str]


def _module(path: Path) -> Any:
    return import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def _is_re(call: ast.Call, names: set[str]) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in names
    )


def _value(path: Path, node: ast.expr) -> str | bytes | None:
    """Return a literal pattern, with constants of its module inserted; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        return node.value
    try:
        code = compile(ast.Expression(node), str(path), "eval")
        found = eval(code, vars(_module(path)))  # noqa: S307 - our own source
    except NameError:
        return None
    return found if isinstance(found, str | bytes) else None


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call with the function that contains it."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef) else name
            if isinstance(child, ast.Call):
                yield inner, child
            yield from walk(child, inner)

    return walk(tree, "")


def _uses() -> tuple[list[Use], list[tuple[str, str]]]:
    """Return every use of a pattern, and the places where one is composed."""
    found: list[Use] = []
    unknown: list[tuple[str, str]] = []
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        if "import re\n" not in source:
            continue
        short = str(path.relative_to(ROOT))
        for function, call in _functions(ast.parse(source)):
            if _is_re(call, _USES | {"compile"}):
                value = _value(path, call.args[0])
                if value is None:
                    unknown.append((short, function))
                    continue
                assert isinstance(call.func, ast.Attribute)
                flags = _flags(path, call)
                how = {call.func.attr}
                if how == {"compile"}:
                    how = _applications(source, call.lineno) or {"search", "fullmatch"}
                pattern = re.compile(value, flags)
                found.append(Use(f"{short}:{call.lineno}", pattern, frozenset(how)))
    return found, unknown


def _applications(source: str, line: int) -> set[str]:
    """Return how a pattern assigned in a line is applied."""
    named = re.match(r"(\w+) = re\.compile", source.splitlines()[line - 1])
    if named is None:
        return set()
    return set(re.findall(rf"\b{named[1]}\.(\w+)\(", source)) & _USES


def _flags(path: Path, call: ast.Call) -> int:
    given = [word.value for word in call.keywords if word.arg == "flags"]
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "compile" and len(call.args) > 1:
        given.append(call.args[1])
    if not given:
        return 0
    code = compile(ast.Expression(given[0]), str(path), "eval")
    return int(eval(code, vars(_module(path))))  # noqa: S307 - our own source


def _characters(tree: Any) -> set[int]:
    """Return the characters that a pattern distinguishes: each one it names, and one of
    each class.
    """
    found: set[int] = set()
    for operation, argument in tree:
        if operation in (codes.LITERAL, codes.NOT_LITERAL):
            found.add(argument)
        elif operation is codes.RANGE:
            found.add(argument[0])
        elif operation is codes.IN:
            found |= _characters(argument)
        elif operation is codes.CATEGORY:
            name = str(argument)
            found.add(ord("7" if "DIGIT" in name else " " if "SPACE" in name else "a"))
        elif operation is codes.BRANCH:
            for branch in argument[1]:
                found |= _characters(branch)
        elif operation in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            found |= _characters(argument[2])
        elif operation is codes.SUBPATTERN:
            found |= _characters(argument[3])
        elif operation is codes.ATOMIC_GROUP:
            found |= _characters(argument)
        elif operation in (codes.ASSERT, codes.ASSERT_NOT):
            found |= _characters(argument[1])
    return found


def _alphabet(pattern: re.Pattern[Any]) -> list[str]:
    found = _characters(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))
    letters = sorted(found)
    # Many letters are words of a list: their first ones represent all.
    few = letters if len(letters) <= 12 else letters[:: max(1, len(letters) // 12)]
    return [chr(code) for code in few] + ["a", "\x01"]


def _texts(pattern: re.Pattern[Any]) -> Iterator[Callable[[int], Any]]:
    """Yield functions that make a text of a length: a repeated pair of characters."""
    letters = _alphabet(pattern)
    for one, two, end in product(letters, letters, ["", "\x01"]):

        def text(length: int, word: str = one + two, end: str = end) -> Any:
            made = word * (length // len(word)) + end
            if isinstance(pattern.pattern, bytes):
                return made.encode("latin-1", "replace")
            return made

        yield text


def _apply(use: Use, text: Any) -> None:
    for how in use.how:
        if how in {"match", "fullmatch"}:
            getattr(use.pattern, how)(text)
        else:
            for _ in use.pattern.finditer(text):
                continue


def _seconds(use: Use, text: Any) -> float:
    began = time.thread_time()
    _apply(use, text)
    return time.thread_time() - began


USES, UNKNOWN = _uses()


@pytest.mark.parametrize("use", USES, ids=[use.where for use in USES])
def test_no_pattern_takes_more_than_linear_time(use: Use) -> None:
    length = BOUNDED.get(use.where.partition(":")[0], _LENGTH)
    for text in _texts(use.pattern):
        long = _seconds(use, text(length))
        if long >= 0.05:  # on a busy machine even a thread's own time has outliers
            long = min(long, *(_seconds(use, text(length)) for _ in range(2)))
        if long < 0.05:  # a quadratic one takes a second
            continue
        short = min(_seconds(use, text(length // 6)) for _ in range(3))
        word = text(4)[:2]
        assert long < 15 * short, (
            f"{use.pattern.pattern!r} on {word!r} again and again: {long:.1f} s"
        )


def test_patterns_that_are_put_together_were_looked_at() -> None:
    assert set(UNKNOWN) == set(REVIEWED)


def test_the_check_finds_what_it_is_made_for() -> None:
    quadratic = [
        rb"\xff+([^\x00\xff\xd0-\xd7])",
        r"[A-Za-z0-9_-]{20,}\.[a-z]{4}",
        r"\s+$",
        r"(a|b)*c",
    ]
    for written in quadratic:
        use = Use("", re.compile(written), frozenset({"search"}))
        with pytest.raises(AssertionError, match="again and again"):
            test_no_pattern_takes_more_than_linear_time(use)
