"""Run the command line: `python -m vigint_web`."""

import gc

# Loading allocates objects that stay: collecting meanwhile was a seventh of the time to load.
gc.disable()

from vigint_web.cli import main  # noqa: E402 - loaded without collections

main()
