"""Sites: list, add, rename."""

from vigint_web.blueprints.sites.views import blueprint

__all__ = ["blueprint"]
