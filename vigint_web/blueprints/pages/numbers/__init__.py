"""Numbers of incidents: by day, hour, risk, type and camera."""

from vigint_web.blueprints.pages.numbers.views import blueprint

__all__ = ["blueprint"]
