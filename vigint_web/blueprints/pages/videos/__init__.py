"""Pictures and playback for logged-in people."""

from vigint_web.blueprints.pages.videos.views import blueprint

__all__ = ["blueprint"]
