"""Size of a step's pod, from parameters of its template: what Argo makes of them in a podSpecPatch and in an annotation.

Source: argo-workflows workflow/controller/workflowpod.go (processPodSpecPatch, addMetadata) and util/template/expression_template.go at
v3.5.15, v3.6.19, v3.7.18, v4.0.10 and v4.1.2; seen on 3.7.18 and 4.0.5 (tests/cluster/test_sizes.py).
"""

from collections.abc import Mapping

__all__ = ["instance_types_metadata", "resources_patch"]

_INSTANCE_TYPES = "k8s.aliyun.com/eci-use-specs"
_NO_TYPES = "hookline.dev/instance-types"


def resources_patch(parameters: Mapping[str, str]) -> str:
    """A podSpecPatch that puts parameters, each JSON of a container's `resources`, over those of containers.

    Args:
        parameters: Container → parameter.

    Argo reads the JSON and writes it anew. So whatever the parameter holds stays one value under `resources`: whoever starts Workflows, and
    may only name templates, cannot patch other fields of the pod with it.
    """
    containers = [
        f'{{"name": "{name}", "resources": {{{{=toJson(jsonpath(workflow.parameters.{parameter}, \'$\'))}}}}}}'
        for name, parameter in parameters.items()
    ]
    return f'{{"containers": [{", ".join(containers)}]}}'


def instance_types_metadata(parameter: str) -> dict[str, dict[str, str]]:
    """The metadata of a template that gives its pods a parameter as the instance types of ECI.

    What ECI makes of an empty annotation is not documented: with an empty parameter it gets another key, so that types for all pods,
    which a Workflow names, still count.
    """
    key = f"{{{{=workflow.parameters.{parameter} == '' ? '{_NO_TYPES}' : '{_INSTANCE_TYPES}'}}}}"
    return {"annotations": {key: f"{{{{workflow.parameters.{parameter}}}}}"}}
