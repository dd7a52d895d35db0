"""What a mailed link opens: the page, its state, the stream."""

from vigint_web.blueprints.player.views import blueprint

__all__ = ["blueprint"]
