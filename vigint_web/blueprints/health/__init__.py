"""Liveness and readiness."""

from vigint_web.blueprints.health.views import blueprint

__all__ = ["blueprint"]
