"""Data that programs with the scope `read` may read: sources, incidents, links, their logs."""

from vigint_web.blueprints.api.read.views import blueprint

__all__ = ["blueprint"]
