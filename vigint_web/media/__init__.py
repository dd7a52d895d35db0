"""Extract facts, pictures and playable video from footage with ffmpeg; no Flask, no database."""
