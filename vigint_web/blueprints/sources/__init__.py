"""Sources: upload, status, retry, delete."""

from vigint_web.blueprints.sources.views import blueprint

__all__ = ["blueprint"]
