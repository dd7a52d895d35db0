"""The worker's entry point: `python worker.py [queue …]`."""

import sys
from functools import partial

from vigint_web import create_app
from vigint_web.config.environment import load_environment
from vigint_web.jobs.worker import run_worker
from vigint_web.services.core.job_queue import QUEUES
from vigint_web.system.processes import run_and_exit

if __name__ == "__main__":
    load_environment()
    run_and_exit(partial(run_worker, create_app(), tuple(sys.argv[1:]) or QUEUES))
