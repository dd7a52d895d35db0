"""The home page."""

from vigint_web.blueprints.pages.dashboard.views import blueprint

__all__ = ["blueprint"]
