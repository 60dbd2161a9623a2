"""Checks of the objects of a declaration: event sources, Sensors, their Secrets, the rights of accounts, the exporter."""

from collections.abc import Iterator, Mapping

from hookline.answers.webhooks import webhooks
from hookline.applying.object_name import ObjectName
from hookline.doctor.facts import Facts, Held, Unread
from hookline.doctor.findings import Finding, broken, ok, unchecked, warning
from hookline.output import plural
from hookline.plan.planning import Plan

__all__ = ["declared_objects", "event_sources", "exporter", "rights", "sensors", "webhook_secrets"]

SHOWN = 3
_LABELS = {"EventSource": "eventsource-name", "Sensor": "sensor-name"}
_DECIDES = {"metadata", "status"}


def webhook_secrets(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The Secrets with which event sources verify deliveries have their keys."""
    wanted: dict[str, set[str]] = {}
    for endpoint in plan.received:
        if endpoint.secret is not None:
            wanted.setdefault(endpoint.secret.name, set()).add(endpoint.secret.key)
    if not wanted:
        yield ok("no source has a secret")
        return
    for name, keys in sorted(wanted.items()):
        held = facts.held.get(("Secret", plan.namespace, name))
        makes = next((each.commands for each in webhooks(plan).secrets if each.name == name), ())
        yield from keys_of("Secret", plan.namespace, name, keys, held, makes)


def keys_of(
    kind: str,
    namespace: str,
    name: str,
    keys: set[str],
    held: Held | Unread | None,
    commands: tuple[str, ...] = (),
    *,
    optional: bool = False,
) -> Iterator[Finding]:
    """Whether a Secret or ConfigMap is there with these keys."""
    say = warning if optional else broken
    if isinstance(held, Unread):
        yield unchecked(held.why)
    elif held is None:
        yield say(f"there is no {kind} {name} in {namespace}", *commands)
    elif missing := sorted(keys - held.keys):
        has = f"it has {', '.join(sorted(held.keys))}" if held.keys else "it has none"
        yield say(f"{kind} {name} in {namespace} has no key {', '.join(missing)}; {has}", *commands)
    elif empty := sorted(keys & held.empty):
        yield say(f"the key {', '.join(empty)} of {kind} {name} in {namespace} is empty", *commands)
    else:
        yield ok(f"{kind} {name} in {namespace}" + (f" has {', '.join(sorted(keys))}" if keys else ""))


def event_sources(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Every EventSource is there, with ready pods that have the latest declaration."""
    yield from _ready(plan, facts, "EventSource")


def sensors(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Every Sensor is there, with ready pods that have the latest declaration."""
    yield from _ready(plan, facts, "Sensor")


def _ready(plan: Plan, facts: Facts, kind: str) -> Iterator[Finding]:
    if isinstance(facts.not_ready, Unread):
        yield unchecked(facts.not_ready.why)
        return
    waiting = {name: why for name, why in facts.not_ready.items() if name.kind == kind}
    for name, why in waiting.items():
        if why == "it does not exist":
            yield broken(f"{kind} {name.name} does not exist in {name.namespace}", "hookline apply")
        else:
            label = f"{_LABELS[kind]}={name.name}"
            yield broken(
                f"{kind} {name.name} is not ready: {why}",
                f"kubectl -n {name.namespace} describe pods -l {label}",
                f"kubectl -n {name.namespace} logs -l {label} --tail=50",
            )
    count = len(plan.sensors) if kind == "Sensor" else len(_event_sources(plan))
    if not waiting:
        yield ok(f"{plural(count, kind)} ready")


def _event_sources(plan: Plan) -> set[str]:
    return {each.event_source for each in plan.received} | set(plan.calendars)


def declared_objects(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The objects in the cluster are those of the declaration."""
    if isinstance(facts.changes, Unread):
        yield unchecked(facts.changes.why)
        return
    by_action: dict[str, list[ObjectName]] = {}
    for each in facts.changes:
        action: str = each.action
        if action == "configure" and _decides(each.before) == _decides(each.after):
            action = "labelled"
        by_action.setdefault(action, []).append(each.name)
    for action, words in (("create", "missing in the cluster"), ("configure", "other than declared")):
        if names := by_action.get(action):
            yield broken(
                f"{plural(len(names), 'object')} {words}: {_some(names)}", "hookline diff", "hookline apply"
            )
    if names := by_action.get("delete"):
        yield warning(
            f"{plural(len(names), 'object')} no longer declared: {_some(names)}",
            "hookline diff",
            "hookline apply",
        )
    if names := by_action.get("labelled"):
        yield warning(
            f"{plural(len(names), 'object')} with other labels or annotations: {_some(names)}",
            "hookline apply",
        )
    if not by_action.keys() - {"unchanged", "keep"}:
        yield ok(f"{plural(len(by_action.get('unchanged', ())), 'object')} as declared in {plan.namespace}")


def _decides(content: Mapping[str, object] | None) -> dict[str, object]:
    """The parts of an object that decide what it does."""
    return {key: value for key, value in (content or {}).items() if key not in _DECIDES}


def rights(_plan: Plan, facts: Facts) -> Iterator[Finding]:
    """Every account may do what its Roles say."""
    if isinstance(facts.allowed, Unread):
        yield unchecked(facts.allowed.why)
        return
    refused = sorted(each for each, allowed in facts.allowed.items() if not allowed)
    for user in dict.fromkeys(each.user for each in refused):
        mine = [each for each in refused if each.user == user]
        first = mine[0]
        what = f"{first.verb} {first.resource}" + (f" {first.name}" if first.name else "")
        where = f"in {first.namespace}" if first.namespace else "in all namespaces"
        more = f", nor {plural(len(mine) - 1, 'other right')} that it needs" if len(mine) > 1 else ""
        yield broken(f"{user} may not {what} {where}{more}", "hookline apply", first.command)
    if not refused:
        yield ok(
            f"{plural(len(facts.allowed), 'right')} of {plural(len({each.user for each in facts.allowed}), 'account')}"
        )


def exporter(_plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The pods beside the event path are ready, and the kinds of their objects known."""
    for api_version, kind in sorted(facts.unknown_kinds):
        if api_version.startswith("monitoring.coreos.com/"):
            yield broken(
                f"the cluster does not know {kind} ({api_version}): install the Prometheus Operator, or switch it off in exporter:"
            )
    for name, workload in facts.workloads.items():
        if isinstance(workload, Unread):
            yield unchecked(workload.why)
        elif workload is None:
            yield broken(f"{name.kind} {name.name} does not exist in {name.namespace}", "hookline apply")
        elif workload.ready < workload.wanted:
            yield broken(
                f"{workload.ready} of {workload.wanted} pods of {name.kind} {name.name} are ready",
                f"kubectl -n {name.namespace} logs {name.kind.lower()}/{name.name} --tail=50",
            )
        else:
            yield ok(f"{name.kind} {name.name} is ready")
    if not facts.workloads and not facts.unknown_kinds:
        yield unchecked("the declaration renders no exporter")


def _some(names: list[ObjectName]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(str(each) for each in names[:SHOWN]) + more
