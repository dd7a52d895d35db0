"""The incident API for detectors."""

from vigint_web.blueprints.ingest.views import blueprint

__all__ = ["blueprint"]
