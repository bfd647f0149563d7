"""What a search or a generator is asked for: metrics with directions, limits, and the best of what was observed."""

from nag.tasks.goal import Goal, Objective, Observed
from nag.tasks.limits import Limit, parse_limits

__all__ = ["Goal", "Limit", "Objective", "Observed", "parse_limits"]
