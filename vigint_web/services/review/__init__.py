"""Review of incidents: decisions, notes, assignment, and the reasons for false alarms."""
