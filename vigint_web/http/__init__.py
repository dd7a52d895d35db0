"""HTTP mechanics that all blueprints share: rules, errors, ranges, uploads, headers."""
