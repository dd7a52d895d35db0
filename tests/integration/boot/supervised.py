"""Runs a supervisor for the tests: one JSON argument describes it. Not a test itself."""

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from vigint_web.cli.preflight import StartError
from vigint_web.cli.queue_server import QueueServer
from vigint_web.cli.reports import Report
from vigint_web.cli.supervisor import Child, Supervisor


class Printed(Report):
    """Print the reports."""

    def died(self, name: str, what: str, pause: float) -> None:
        print(f"report: {name} {what}, again after {pause:g}", flush=True)

    def stopping(self) -> None:
        print("report: stopping", flush=True)

    def still_waiting(self, left: Mapping[str, int], seconds: float) -> None:
        print(f"report: waiting for {dict(left)}", flush=True)

    def cut_short(self) -> None:
        print("report: cut short", flush=True)


def main() -> int:
    """Run the described children; print `ready`, and the sentence of a failed start."""
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

    options = plan.get("options", {})
    supervisor = Supervisor(children, on_ready=on_ready, report=Printed(), **options)
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
