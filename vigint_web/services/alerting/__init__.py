"""Who is notified of what, and by which channel."""
