"""Insert a row unless it is there, in the words that both databases share."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from vigint_web.extensions import Base


def insert_into(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, for the session's database."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
