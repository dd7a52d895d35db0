"""Sharing: give people links, change them, send them again, end many at once."""

from vigint_web.blueprints.pages.sharing.views import blueprint

__all__ = ["blueprint"]
