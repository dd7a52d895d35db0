"""The sharing API for programs that share videos of incidents, and revoke links."""

from vigint_web.blueprints.api.sharing.views import blueprint

__all__ = ["blueprint"]
