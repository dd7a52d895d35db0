"""Say whether the parts that this installation needs are up."""

from datetime import timedelta

from redis.exceptions import RedisError
from rq import Worker
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.services.runtime import runtime

# Workers give a sign of life every 15 seconds.
_SILENT_SECONDS = 35


def missing_parts() -> list[str]:
    """Return which of database, queue and worker are not up; empty when all are."""
    missing = []
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        missing.append("database")
    finally:
        db.session.rollback()
    try:
        workers = living_workers()
    except RedisError:
        # Without the queue nobody can tell whether a worker is up.
        return [*missing, "queue", "worker"]
    return missing if workers else [*missing, "worker"]


def living_workers() -> int:
    """Return how many workers gave a sign of life lately; a killed one is silent."""
    workers = Worker.all(connection=runtime().redis, serializer=JSONSerializer)
    limit = utcnow() - timedelta(seconds=_SILENT_SECONDS)
    return sum(
        1
        for worker in workers
        if worker.last_heartbeat is not None
        and worker.last_heartbeat.replace(tzinfo=limit.tzinfo) > limit
    )
