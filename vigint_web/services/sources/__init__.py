"""Sources: what operators upload."""
