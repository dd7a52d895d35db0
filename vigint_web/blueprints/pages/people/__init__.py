"""People: invite, grant sites, reactivate, deactivate."""

from vigint_web.blueprints.pages.people.views import blueprint

__all__ = ["blueprint"]
