"""Review of incidents: decisions, notes, assignment, and the reasons of false alarms."""
