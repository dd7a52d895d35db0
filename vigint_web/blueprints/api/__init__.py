"""The public token API for programs."""

from vigint_web.blueprints.api.views import blueprint

__all__ = ["blueprint"]
