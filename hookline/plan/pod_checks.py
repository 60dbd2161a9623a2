"""Checks of `run: {pods: one}`: that the template can run its steps in one pod, and that the pipeline may."""

from collections.abc import Iterator

from triggers.declaration import Run
from triggers.template import Template
from triggers.words import ONE_POD_ANNOTATION

__all__ = ["pod_problems"]


def pod_problems(run: Run, template: Template, *, sandboxed: bool) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each problem with running the steps in one pod: path in the pipeline, sentence."""
    if run.pods != "one":
        return
    path = ("run", "pods")
    if not template.one_pod:
        message = (
            f"{template.name} runs each step in a pod of its own: no annotation {ONE_POD_ANNOTATION} names an entrypoint with one pod; use "
            "hookline-ci-go as this version prints it (hookline template hookline-ci-go), or write pods: three"
        )
        yield path, message
        return
    if sandboxed:
        message = (
            "tests of foreign code would share a pod, and on ECI a virtual machine, with the password of the registry and git's "
            "credentials; write pods: three here"
        )
        yield path, message
    for step, wanted in (run.resources or {}).items():
        if wanted.instance_types:
            message = "one pod is one instance; write its types under pod_annotations: {k8s.aliyun.com/eci-use-specs: …}, or write pods: three"
            yield ("run", "resources", step, "instance_types"), message
