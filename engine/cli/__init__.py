"""The commands ``engine`` and ``engine-worker``."""
