"""Sites: list, add, edit; the people who may see one."""

from vigint_web.blueprints.pages.sites.views import blueprint

__all__ = ["blueprint"]
