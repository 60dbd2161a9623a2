"""Rights: what each account of a declaration must be allowed, read of the rendered Roles and of the runs' accounts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from triggers.workflow import Workload

__all__ = ["Right", "needed_rights"]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that one account must be allowed."""

    account_namespace: str
    account: str
    namespace: str
    """Where it acts; empty = in all namespaces."""
    verb: str
    group: str
    """API group; empty for the core."""
    resource: str
    """Plural, with its subresource after a `/`."""
    name: str = ""
    """The one object; empty = any."""

    @property
    def user(self) -> str:
        """The account as Kubernetes names it."""
        return f"system:serviceaccount:{self.account_namespace}:{self.account}"

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of a SubjectAccessReview; a right for any object leaves the name out."""
        resource, _, subresource = self.resource.partition("/")
        found = {
            "namespace": self.namespace,
            "verb": self.verb,
            "group": self.group,
            "resource": resource,
            "subresource": subresource,
            "name": self.name,
        }
        return {key: value for key, value in found.items() if value or key == "group"}

    @property
    def command(self) -> str:
        """The same question, asked by kubectl."""
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        resource, slash, subresource = what.partition("/")
        if slash:
            subresource, _, group = subresource.partition(".")
            resource, subresource = (
                f"{resource}.{group}" if group else resource,
                f" --subresource={subresource}",
            )
        where = f"-n {self.namespace}" if self.namespace else "--all-namespaces"
        name = f"/{self.name}" if self.name else ""
        return f"kubectl auth can-i {self.verb} {resource}{name}{subresource} {where} --as={self.user}"


def needed_rights(objects: Iterable[Mapping[str, Any]], workloads: Iterable[Workload]) -> tuple[Right, ...]:
    """The rights that the bound Roles of rendered objects say, and those that the runs' accounts need, sorted."""
    manifests = list(objects)
    roles = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each["rules"]
        for each in manifests
        if each["kind"] in ("Role", "ClusterRole")
    }
    found = set(_reporting(workloads))
    for each in manifests:
        if each["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            namespace = each["metadata"].get("namespace", "")
            role = each["roleRef"]
            place = namespace if role["kind"] == "Role" else ""
            for rule in roles.get((role["kind"], place, role["name"]), ()):
                for subject in each["subjects"]:
                    if subject["kind"] == "ServiceAccount":
                        found.update(_of_rule(rule, namespace, subject["namespace"], subject["name"]))
    return tuple(sorted(found))


def _of_rule(
    rule: Mapping[str, Any], namespace: str, account_namespace: str, account: str
) -> Iterator[Right]:
    for verb in rule["verbs"]:
        for group in rule.get("apiGroups", ()):
            for resource in rule.get("resources", ()):
                for name in rule.get("resourceNames") or ("",):
                    yield Right(account_namespace, account, namespace, verb, group, resource, name)


def _reporting(workloads: Iterable[Workload]) -> Iterator[Right]:
    """Whoever runs Argo's own containers creates the result of a step when it starts (argo-workflows workflow/executor/executor.go)."""
    for each in workloads:
        account = each.executor or each.service_account or "default"
        for verb in ("create", "patch"):
            yield Right(each.namespace, account, each.namespace, verb, "argoproj.io", "workflowtaskresults")
