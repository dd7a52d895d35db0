"""Sources: uploads by operators."""
