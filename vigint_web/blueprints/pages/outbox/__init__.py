"""Mails that were written down instead of sent."""

from vigint_web.blueprints.pages.outbox.views import blueprint

__all__ = ["blueprint"]
