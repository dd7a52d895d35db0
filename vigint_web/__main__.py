"""Run the command line: `python -m vigint_web`."""

from vigint_web.cli import main

main()
