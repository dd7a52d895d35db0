"""Retention: decide about a pending shorter one."""

from vigint_web.blueprints.pages.retention.views import blueprint

__all__ = ["blueprint"]
