"""Sharing: create links for people, change, resend and revoke them."""

from vigint_web.blueprints.pages.sharing.views import blueprint

__all__ = ["blueprint"]
