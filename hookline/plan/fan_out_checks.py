"""Checks of `cluster.fan_out`, and of what many pipelines of one repository or image cost without it."""

from collections import Counter
from collections.abc import Mapping

from documents.diagnostics import Problems
from events.eventsource import Endpoint
from hookline.declaration.loading import Declaration
from hookline.output import plural
from hookline.plan.fan_out_objects import DEFAULT_LIMITS, DEFAULT_REQUESTS
from hookline.plan.own_pod_checks import check_amounts
from sensors.assignment import LANES

__all__ = ["check_fan_out"]


def check_fan_out(declaration: Declaration, endpoints: Mapping[str, Endpoint], problems: Problems) -> None:
    """Check what is said about fan-outs.

    Args:
        declaration: The files.
        endpoints: Of the sources, by name.
        problems: Takes what is found.
    """
    keys = Counter(
        (source, endpoints[source].host.key(name))
        for declared in declaration.pipelines.values()
        for source, name, _ in declared.listened()
        if source in endpoints
    )
    wide = {name: count for (_, name), count in keys.items() if count > LANES}
    said = declaration.cluster.fan_out
    if declaration.cluster.image is None:
        if said is not None:
            problems.error(
                declaration.cluster_position("fan_out"),
                "the pod of a fan-out runs hookline's own image, which cluster: does not name; write cluster: {image: …}, or leave fan_out: out",
                "cluster.fan_out",
            )
        elif wide:
            most = max(wide, key=lambda name: (wide[name], name))
            beyond = sum(count - LANES for count in wide.values())
            problems.warn(
                declaration.cluster_position("image"),
                f"{plural(wide[most], 'pipeline')} listen to {most}: each beyond {LANES} of one repository or image has a trigger of its own ({beyond} here), "
                "which decides every event anew in further Sensors (render --pods). With cluster.image one Sensor decides all of them, and a "
                "fan-out starts their runs (hookline docs fan-out)",
                "cluster.image",
            )
        return
    if said is None:
        return
    for name in said.only:
        if name not in wide and name.lower() not in wide:
            problems.error(
                declaration.cluster_position("fan_out", "only", name),
                f"no more than {LANES} pipelines listen to {name}, so that no fan-out starts runs of its events; expected "
                + (f"one of {', '.join(sorted(wide)[:5])}" if wide else "no only: here"),
                f"cluster.fan_out.only.{name}",
            )
    check_amounts(
        said,
        lambda *path, key=False: declaration.cluster_position("fan_out", *map(str, path)),  # noqa: ARG005
        "cluster.fan_out",
        (DEFAULT_REQUESTS, DEFAULT_LIMITS),
        problems,
    )
