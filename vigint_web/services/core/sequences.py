"""Issue numbers without repetitions."""

from vigint_web.models import Counter
from vigint_web.services.core.transactions import insert_into, transaction


def next_number(name: str) -> int:
    """Return the next number under a name, in the transaction that uses it."""
    with transaction() as session:
        statement = insert_into(session, Counter).values(name=name, value=1)
        return session.scalars(
            statement.on_conflict_do_update(
                index_elements=[Counter.name], set_={"value": Counter.value + 1}
            ).returning(Counter.value),
            execution_options={"populate_existing": True},
        ).one()
