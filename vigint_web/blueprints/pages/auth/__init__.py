"""Login, logout, mailed links, the user's own account."""

from vigint_web.blueprints.pages.auth import login, recovery, security, views
from vigint_web.blueprints.pages.auth.blueprint import blueprint

__all__ = ["blueprint", "login", "recovery", "security", "views"]
