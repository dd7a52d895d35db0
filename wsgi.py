"""The WSGI entry point: `gunicorn wsgi:app`."""

from vigint_web import create_app
from vigint_web.config.environment import load_environment

load_environment()
app = create_app()
