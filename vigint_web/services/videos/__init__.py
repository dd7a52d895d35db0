"""Videos: life cycle, stored files, dates of deletion, timelines."""
