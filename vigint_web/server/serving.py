"""Run the web server: `python -m vigint_web.server.serving`, with gunicorn's options."""

from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped] # it ships no types

from vigint_web.system.processes import run_and_exit

if __name__ == "__main__":
    # Processes that the master forks end here too.
    run_and_exit(run)
