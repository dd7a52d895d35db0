"""Settings: defaults, config.ini, environment; one sentence per error."""
