"""The pages of a mailed link: the page, its state, the stream."""

from vigint_web.blueprints.pages.player.views import blueprint

__all__ = ["blueprint"]
