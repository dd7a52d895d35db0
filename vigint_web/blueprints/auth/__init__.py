"""Login, logout, one's own account."""

from vigint_web.blueprints.auth.views import blueprint

__all__ = ["blueprint"]
