"""What developers read: the OpenAPI document, and a page of examples."""

from vigint_web.blueprints.developers.views import blueprint

__all__ = ["blueprint"]
