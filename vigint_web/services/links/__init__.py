"""Links: minting, opening, counting plays, revoking."""
