"""Pictures and playback for logged-in users."""

from vigint_web.blueprints.pages.videos.views import blueprint

__all__ = ["blueprint"]
