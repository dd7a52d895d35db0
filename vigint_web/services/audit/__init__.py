"""The audit trail, its verification, and what staff looked at."""
