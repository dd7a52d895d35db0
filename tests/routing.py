"""Functions that werkzeug compiles for one application's routes serve all later applications."""

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any

from werkzeug.routing import Rule

_Builder = Callable[..., tuple[str, str]]
_builders: dict[Hashable, _Builder] = {}


def share_compiled_rules() -> None:
    """Compile the function that builds a route's address once in this process.

    Nearly every test has an application of its own, with the same routes; compiling these
    functions was four fifths of the time of `create_app`. Their code depends on nothing but the
    parts of the route: its converters are read from the rule that calls.
    """
    compile_builder: Callable[[Rule, bool], _Builder] = Rule._compile_builder

    @wraps(compile_builder)
    def shared(rule: Rule, append_unknown: bool = True) -> _Builder:
        if rule.defaults:  # their values are compiled into it, in the words of the converters
            return compile_builder(rule, append_unknown)
        parts = (rule.rule, tuple(rule._trace), append_unknown)
        if parts not in _builders:
            _builders[parts] = compile_builder(rule, append_unknown)
        return _builders[parts]

    replaced: Any = shared
    Rule._compile_builder = replaced  # type: ignore[method-assign]
