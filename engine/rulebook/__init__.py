"""Deciding by the rules in the store: for workers, and for clients that start flows."""
