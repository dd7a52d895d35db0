"""Sites: list, add, rename."""

from vigint_web.blueprints.pages.sites.views import blueprint

__all__ = ["blueprint"]
