"""The log of a site's night, and when it is mailed."""

from vigint_web.blueprints.pages.logbook.views import blueprint

__all__ = ["blueprint"]
