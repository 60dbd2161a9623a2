"""How often a test tries what chance or a long list gives it."""

import os

THOROUGH = bool(os.environ.get("HOOKLINE_THOROUGH"))
"""Everything is tried, as CI has it. Else a tenth of the examples, other ones in each run, and a part of long lists."""


def tries(most: int) -> int:
    """Number of examples that Hypothesis tries, of the most that are worth it."""
    return most if THOROUGH else max(1, most // 10)
