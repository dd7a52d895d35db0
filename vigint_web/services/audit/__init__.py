"""The audit trail, its verification, and staff access."""
