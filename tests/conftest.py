"""Hypothesis: slow machines are not failures, and CI tries the same examples each time."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "hookline",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("hookline")
