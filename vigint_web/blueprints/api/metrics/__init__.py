"""How the installation does, for Prometheus."""

from vigint_web.blueprints.api.metrics.views import blueprint

__all__ = ["blueprint"]
