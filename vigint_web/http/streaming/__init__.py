"""Send stored bytes by ranges, and cut them when a link dies."""
