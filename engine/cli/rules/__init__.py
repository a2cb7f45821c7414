"""``engine rules``: a module for each group of its commands."""
