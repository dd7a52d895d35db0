"""Link tokens, and the encryption of secrets that are stored."""
