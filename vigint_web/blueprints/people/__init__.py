"""People: invite, grant, let in again, keep out."""

from vigint_web.blueprints.people.views import blueprint

__all__ = ["blueprint"]
