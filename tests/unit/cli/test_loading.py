"""A command is loaded without collections of garbage, and runs with them."""

import subprocess
import sys

_ASK = """
import gc, runpy, sys
import click
from vigint_web.cli import doctor

def ask():
    print(gc.isenabled(), gc.get_freeze_count() > 100_000)

doctor.COMMANDS["doctor"] = click.command(ask)
sys.argv = ["vigint", "doctor"]
runpy.run_module("vigint_web", run_name="__main__")
"""


def test_what_is_loaded_is_passed_over_and_the_rest_is_collected() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ASK], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["True", "True"]
