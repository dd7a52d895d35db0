"""API keys: list, create, revoke."""

from vigint_web.blueprints.keys.views import blueprint

__all__ = ["blueprint"]
