"""Read RQ's records of jobs, which may disappear at any moment.

A job's record is deleted as it ends (`result_ttl=0`), and the same job may run twice: the
reconciler enqueues again a job that a worker has popped and not yet begun. RQ 3.0 treats a record
that disappeared in between as an error, fails the job with a traceback, and keeps it as failed.
"""

from contextlib import suppress

from redis.client import Pipeline
from rq.exceptions import InvalidJobOperation
from rq.executions import Execution, ExecutionRegistry

from vigint_web.services.core.listed_jobs import ListedJob


class LivingExecutions(ExecutionRegistry):
    """Executions of one job, except those whose worker died and whose record has expired."""

    def get_executions(self, start: int = 0, end: int = -1) -> list[Execution]:
        """Return the executions that have a record."""
        found = []
        for execution_id in self.get_execution_ids(start, end):
            # RQ raises ValueError when there is no such record.
            with suppress(ValueError):
                found.append(Execution.fetch(execution_id, self.job_id, self.connection))
        return found


class TransientJob(ListedJob):
    """A listed job whose end is no error when its record was removed before."""

    @property
    def execution_registry(self) -> LivingExecutions:
        """Return the executions of this job."""
        return LivingExecutions(self.id, connection=self.connection)

    def _remove_from_registries(
        self, pipeline: Pipeline | None = None, remove_from_queue: bool = True
    ) -> None:
        # Without a status there is no registry to remove it from.
        with suppress(InvalidJobOperation):
            super()._remove_from_registries(pipeline, remove_from_queue)
