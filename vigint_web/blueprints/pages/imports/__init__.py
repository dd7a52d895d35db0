"""Sites, cameras and people as CSV: download, preview of an import, import."""

from vigint_web.blueprints.pages.imports.views import blueprint

__all__ = ["blueprint"]
