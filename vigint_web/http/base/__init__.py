"""What every answer passes: request ids, errors, static files."""
