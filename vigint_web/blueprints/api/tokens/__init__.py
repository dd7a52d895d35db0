"""The public token API for programs."""

from vigint_web.blueprints.api.tokens.views import blueprint

__all__ = ["blueprint"]
