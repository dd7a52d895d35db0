"""Links: creating, opening, counting plays, revoking."""
