"""API keys: list, create, revoke."""

from vigint_web.blueprints.pages.keys.views import blueprint

__all__ = ["blueprint"]
