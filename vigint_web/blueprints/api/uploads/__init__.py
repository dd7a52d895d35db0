"""Uploads that go on where they stopped."""

from vigint_web.blueprints.api.uploads.views import blueprint

__all__ = ["blueprint"]
