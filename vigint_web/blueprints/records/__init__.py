"""What programs with the scope `read` may read: sources, incidents, links, their logs."""

from vigint_web.blueprints.records.views import blueprint

__all__ = ["blueprint"]
