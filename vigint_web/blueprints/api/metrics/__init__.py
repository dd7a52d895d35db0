"""Metrics of the installation, for Prometheus."""

from vigint_web.blueprints.api.metrics.views import blueprint

__all__ = ["blueprint"]
