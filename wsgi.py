"""The WSGI entry point: `gunicorn wsgi:app`."""

from vigint_web import create_app

app = create_app()
