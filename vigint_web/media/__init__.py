"""Turn footage into facts, pictures and playable video with ffmpeg; no Flask, no database."""
