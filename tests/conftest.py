"""What every test may use: fresh databases (``store_url`` and its kin), and settings for Hypothesis."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["tests.servers.fixtures", "tests.servers.grouping"]

# A busy machine is no failure. In CI, Hypothesis chooses its own repeatable profile.
settings.register_profile("milepost", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("milepost")
