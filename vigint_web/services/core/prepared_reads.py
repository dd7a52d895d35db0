"""Read one row by a statement that is compiled once, without a session or a transaction.

For the few reads that every range of a video needs: compiling, beginning and building objects cost
twenty times as much as the read itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Dialect, Engine, Select
from sqlalchemy.exc import DBAPIError

Row = TypeVar("Row")


class PreparedRead(Generic[Row]):
    """A SELECT with bound parameters, whose columns are the arguments of a class."""

    def __init__(self, statement: Select[*tuple[Any, ...]], row: Callable[..., Row]) -> None:
        """Take the statement, which the first read of each kind of database compiles."""
        self._statement, self._row = statement, row
        self._compiled: dict[str, _Compiled] = {}

    def one(self, engine: Engine, parameters: Mapping[str, Any]) -> Row | None:
        """Return the first row, or None.

        Raises:
            DBAPIError: the database refused the statement, or does not answer.
        """
        compiled = self._compiled.get(engine.dialect.name)
        if compiled is None:
            compiled = _Compiled(self._statement, engine.dialect)
            self._compiled[engine.dialect.name] = compiled
        values = compiled.execute(engine, parameters)
        return None if values is None else self._row(*values)


class _Compiled:
    """A statement for one kind of database."""

    def __init__(self, statement: Select[*tuple[Any, ...]], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._order = compiled.positiontup if compiled.positional else None
        self._types = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        self._dialect = dialect
        # Some depend on what the driver says about a column, with the first answer.
        self._processors: list[Any] = []

    def execute(self, engine: Engine, parameters: Mapping[str, Any]) -> list[Any] | None:
        values: Any = parameters
        if self._order is not None:
            values = [parameters[name] for name in self._order]
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            try:
                cursor.execute(self._text, values)
                row = cursor.fetchone()
                if not self._processors:
                    self._processors = self._processors_of(cursor.description or ())
            finally:
                cursor.close()
        except engine.dialect.loaded_dbapi.Error as error:
            connection.invalidate()
            raise DBAPIError(self._text, None, error, hide_parameters=True) from error
        finally:
            connection.close()  # returned to the pool, which ends the transaction
        if row is None:
            return None
        return [
            value if process is None else process(value)
            for value, process in zip(row, self._processors, strict=True)
        ]

    def _processors_of(self, description: Sequence[Sequence[Any]]) -> list[Any]:
        return [
            kind.result_processor(self._dialect, column[1])
            for kind, column in zip(self._types, description, strict=True)
        ]
