"""People, their passwords and sessions; sites and API keys."""
