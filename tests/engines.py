"""Statements compiled for one test's engine serve the engines of all later tests."""

from typing import Any

from sqlalchemy import Dialect, Engine
from sqlalchemy.util import LRUCache

# Each test has a database and an engine of its own. SQLAlchemy caches compiled statements for each
# engine, by its dialect object; without sharing, compiling took a third of the tests' time.
_dialects: dict[str, Dialect] = {}
_compiled: LRUCache[Any, Any] = LRUCache(3000)


def share_compiled_statements(engine: Engine) -> None:
    """Give an engine the dialect and the compiled statements of the first of its kind.

    All databases of one kind are copies of one template, so that what a dialect has read from the
    first server is true for the others.
    """
    engine.dialect = _dialects.setdefault(engine.dialect.name, engine.dialect)
    engine.update_execution_options(compiled_cache=_compiled)
