"""The hosting API for programs."""

from vigint_web.blueprints.api.hosting.views import blueprint

__all__ = ["blueprint"]
