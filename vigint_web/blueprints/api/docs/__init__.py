"""Documentation for developers: the OpenAPI document, and a page of examples."""

from vigint_web.blueprints.api.docs.views import blueprint

__all__ = ["blueprint"]
