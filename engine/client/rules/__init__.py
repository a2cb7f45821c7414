"""What clients do with rules in the store."""
