"""Read bodies as streams: forms, clips, tus."""
