"""Check of the whole way: what became of the probe that `--end-to-end` sent."""

from collections.abc import Iterator

from hookline.doctor.facts import Facts, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked
from hookline.plan.planning import Plan

__all__ = ["end_to_end"]


def end_to_end(_plan: Plan, facts: Facts) -> Iterator[Finding]:
    """A signed push became a Workflow that succeeded, and was counted."""
    if facts.probe is None:
        yield unchecked("it sends a push only with --end-to-end")
        return
    if isinstance(facts.probe, Unread):
        yield unchecked(facts.probe.why)
        return
    passed = [each for each in facts.probe if not each.trouble]
    way = ", ".join(f"{each.name} {each.seconds:.1f} s" for each in passed)
    for each in facts.probe:
        if each.trouble:
            yield broken(f"the probe got no further than {way or 'its first hop'}: {each.trouble}")
    if len(passed) == len(facts.probe):
        yield ok(f"a signed push passed every hop: {way}")
