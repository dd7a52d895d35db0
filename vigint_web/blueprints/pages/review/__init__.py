"""Review of incidents: decisions, notes, assignment, reasons for false alarms."""

from vigint_web.blueprints.pages.review.views import blueprint

__all__ = ["blueprint"]
