"""Health, metrics, backups, storage checks and reconciling."""
