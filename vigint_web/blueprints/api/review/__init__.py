"""The review API for programs that decide about incidents."""

from vigint_web.blueprints.api.review.views import blueprint

__all__ = ["blueprint"]
