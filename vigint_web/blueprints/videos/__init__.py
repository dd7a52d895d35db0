"""Pictures and playback for logged-in people."""

from vigint_web.blueprints.videos.views import blueprint

__all__ = ["blueprint"]
