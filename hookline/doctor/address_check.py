"""Check of the address under which hosts deliver, as the machine of doctor sees it."""

from collections.abc import Iterator

from hookline.doctor.facts import Address, Facts
from hookline.doctor.findings import Finding, broken, ok, unchecked
from hookline.plan.planning import Plan

__all__ = ["webhook_address"]

NOT_FOUND = 404
_GATEWAY_STATUSES = (502, 503, 504)


def webhook_address(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """The address resolves, has a valid certificate, and leads to the event sources."""
    ingress = plan.declaration.cluster.ingress
    if ingress is None:
        yield unchecked(
            "the declaration has no cluster.ingress, so doctor does not know the address; hookline webhooks prints the Services"
        )
        return
    address = facts.address
    if address is None:
        yield unchecked(f"nobody asked https://{ingress.host}")
        return
    kind = "httproute" if ingress.gateway is not None else "ingress"
    describe = f"kubectl -n {plan.namespace} describe {kind} {plan.prefix}-webhooks"
    match address.trouble:
        case "dns":
            yield broken(
                f"the name {address.host} does not resolve from this machine: {address.detail}",
                f"kubectl -n {plan.namespace} get {kind}",
            )
        case "connection":
            yield broken(
                f"port 443 of {address.host} does not answer this machine: {address.detail}", describe
            )
        case "certificate":
            yield broken(f"the certificate of {address.host} is not valid: {address.detail}", describe)
        case _:
            yield from _answers(address, describe)


def _answers(address: Address, describe: str) -> Iterator[Finding]:
    well = 0
    for path, status in address.statuses.items():
        url = f"https://{address.host}{path}"
        if status == NOT_FOUND:
            yield broken(f"{url} answers 404: nothing there knows this path", describe)
        elif status in _GATEWAY_STATUSES:
            yield broken(f"{url} answers {status}: the event source behind it is not reached", describe)
        elif not status:
            yield broken(f"{url} breaks the connection without an answer", describe)
        else:
            well += 1
    if well == len(address.statuses):
        yield ok(f"https://{address.host} resolves, has a valid certificate, and answers")
