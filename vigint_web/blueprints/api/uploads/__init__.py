"""Resumable uploads."""

from vigint_web.blueprints.api.uploads.views import blueprint

__all__ = ["blueprint"]
