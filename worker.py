"""The worker's entry point: `python worker.py [queue …]`."""

import sys

from vigint_web import create_app
from vigint_web.environment import load_environment
from vigint_web.jobs.worker import run_worker
from vigint_web.services.queueing import QUEUES

if __name__ == "__main__":
    load_environment()
    run_worker(create_app(), tuple(sys.argv[1:]) or QUEUES)
