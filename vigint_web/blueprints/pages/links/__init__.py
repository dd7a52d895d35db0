"""Links: their list and revocation."""

from vigint_web.blueprints.pages.links.views import blueprint

__all__ = ["blueprint"]
