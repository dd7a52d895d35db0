"""Liveness and readiness."""

from vigint_web.blueprints.api.health.views import blueprint

__all__ = ["blueprint"]
