"""The incident API for detectors."""

from vigint_web.blueprints.api.incidents.views import blueprint

__all__ = ["blueprint"]
