"""Give out numbers without holes or repetitions."""

from sqlalchemy import insert, select, update

from vigint_web.models import Counter
from vigint_web.services.transactions import transaction


def next_number(name: str) -> int:
    """Return the next number under a name, inside the transaction that uses it."""
    with transaction() as session:
        taken: int | None = session.scalar(
            update(Counter)
            .where(Counter.name == name)
            .values(value=Counter.value + 1)
            .returning(Counter.value)
        )
        if taken is not None:
            return taken
        session.execute(insert(Counter).values(name=name, value=1))
        return session.scalars(select(Counter.value).where(Counter.name == name)).one()
