"""Review of incidents: decisions, notes, assignment, reasons for false alarms."""

from vigint_web.blueprints.pages.review import bulk, restriction, views
from vigint_web.blueprints.pages.review.blueprint import blueprint

__all__ = ["blueprint", "bulk", "restriction", "views"]
