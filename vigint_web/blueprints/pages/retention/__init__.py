"""Retention: decide about a shorter one that waits."""

from vigint_web.blueprints.pages.retention.views import blueprint

__all__ = ["blueprint"]
