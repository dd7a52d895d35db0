"""The home page."""

from vigint_web.blueprints.dashboard.views import blueprint

__all__ = ["blueprint"]
