"""Incidents: list, facts, deliveries."""

from vigint_web.blueprints.incidents.views import blueprint

__all__ = ["blueprint"]
