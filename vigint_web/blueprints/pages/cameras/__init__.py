"""Cameras: list, add, edit."""

from vigint_web.blueprints.pages.cameras.views import blueprint

__all__ = ["blueprint"]
