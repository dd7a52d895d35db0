"""The home page."""

from vigint_web.blueprints.pages.dashboard import reach, views
from vigint_web.blueprints.pages.dashboard.blueprint import blueprint

__all__ = ["blueprint", "reach", "views"]
