"""Run the web server: `python -m vigint_web.server.serving`, with gunicorn's options."""

from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped] # it ships no types

from vigint_web.system.processes import run_and_exit

if __name__ == "__main__":
    # Also for processes that the master forks.
    run_and_exit(run)
