"""Runs a supervisor for the tests: one JSON argument says of what. Not a test itself."""

import json
import logging
import sys
from pathlib import Path

from vigint_web.cli.preflight import StartError
from vigint_web.cli.queue_server import QueueServer
from vigint_web.cli.supervisor import Child, Supervisor


def main() -> int:
    """Run what the argument says; print `ready` when it is, and the sentence of a failed start."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    plan = json.loads(sys.argv[1])
    children = []
    for entry in plan["children"]:
        marker = entry.pop("ready_when", None)
        ready = Path(marker).exists if marker else None
        children.append(Child(**entry, ready=ready))
    queue = QueueServer(Path(plan["queue"])) if plan.get("queue") else None
    if queue is not None:
        queue.prepare()
        children.append(queue.child())

    def on_ready() -> None:
        print("ready", flush=True)
        if plan.get("then") == "stop":
            supervisor.request_stop(plan["status"])
        if plan.get("then") == "fail":
            raise RuntimeError("the main job failed")

    supervisor = Supervisor(children, on_ready=on_ready, **plan.get("options", {}))
    try:
        return supervisor.run()
    except StartError as error:
        print(error, flush=True)
        return 4
    finally:
        if queue is not None:
            queue.cleanup()


if __name__ == "__main__":
    sys.exit(main())
