"""Settings: defaults, config.ini, environment; each mistake is a sentence."""
