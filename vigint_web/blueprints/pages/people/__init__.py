"""People: invite, grant, let in again, keep out."""

from vigint_web.blueprints.pages.people.views import blueprint

__all__ = ["blueprint"]
