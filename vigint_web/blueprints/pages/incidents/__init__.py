"""Incidents: list, facts, deliveries, export."""

from vigint_web.blueprints.pages.incidents import deletion, export, lists, views
from vigint_web.blueprints.pages.incidents.blueprint import blueprint

__all__ = ["blueprint", "deletion", "export", "lists", "views"]
