"""Link tokens, and the encryption of stored secrets."""
