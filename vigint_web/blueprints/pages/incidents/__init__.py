"""Incidents: list, facts, deliveries."""

from vigint_web.blueprints.pages.incidents.views import blueprint

__all__ = ["blueprint"]
