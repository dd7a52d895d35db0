"""Mails as they were sent."""

from vigint_web.blueprints.pages.outbox.views import blueprint

__all__ = ["blueprint"]
