"""Give jobs the application of the worker that runs them."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from rq import get_current_job

from vigint_web.extensions import db
from vigint_web.logs import bound

_application: Flask | None = None


def use_application(app: Flask) -> None:
    """Set the application whose context all jobs of this process use."""
    global _application  # noqa: PLW0603 - one worker process has one application
    _application = app


@contextmanager
def job_context() -> Iterator[None]:
    """Open a fresh application context that adds the job's id to log lines."""
    if _application is None:
        raise RuntimeError("no application: start workers by worker.py or ./vigint worker")
    job = get_current_job()
    with _application.app_context(), bound(job=job.id if job else "direct"):
        try:
            yield
        finally:
            db.session.remove()
