"""Labels and annotations that hookline writes on Workflows and their pods, and by which it recognises runs."""

from collections.abc import Mapping
from typing import Any, Literal

__all__ = [
    "ACS_SPOT_LABEL",
    "BECAUSE_ANNOTATION",
    "CANCELLED_BECAUSE_ANNOTATION",
    "CANCELLED_BY_ANNOTATION",
    "CONCURRENT_ANNOTATION",
    "EXECUTOR_SERVICE_ACCOUNT",
    "FAILING_TESTS_OUTPUT",
    "FAN_OUT_LABEL",
    "FAN_OUT_RUNS_LABEL",
    "INSTANCE_TYPES_ANNOTATION",
    "ONE_POD_ANNOTATION",
    "PREFIX",
    "REPORTED_ANNOTATION",
    "RERUN_LABEL",
    "RESOURCES_ANNOTATION",
    "RUN_ACCOUNTS",
    "RUN_SERVICE_ACCOUNT",
    "SKIP_REASON_OUTPUT",
    "SPOT_ANNOTATION_PREFIX",
    "STARTED_BY_ANNOTATION",
    "STOCK_PARAMETERS",
    "SUPERSEDED_ANNOTATION",
    "Role",
    "SpotStrategy",
]

SpotStrategy = Literal["SpotAsPriceGo", "SpotWithPriceLimit"]
"""How ECI bids for spot capacity: the market price, or at most a limit."""

PREFIX = "hookline.dev/"
"""Prefix of every label and annotation of hookline."""

RUN_SERVICE_ACCOUNT = "hookline-run"
"""Whom the pods of a run are, where nobody says another account. It may do nothing, and pods mount no token of it."""

EXECUTOR_SERVICE_ACCOUNT = "hookline-executor"
"""Whom Argo's own containers of these pods report results as."""

RUN_ACCOUNTS: Mapping[str, Any] = {
    "serviceAccountName": RUN_SERVICE_ACCOUNT,
    "automountServiceAccountToken": False,
    "executor": {"serviceAccountName": EXECUTOR_SERVICE_ACCOUNT},
}
"""Keys of a Workflow's spec, or of a template's: the containers that run code hold no token.

Argo mounts the executor's token into its own `init` and `wait` containers alone, and takes pods without mounted tokens only with
such an executor (seen on workflow-controller 3.7.4, tests/cluster/test_tokens.py).
"""

CONCURRENT_ANNOTATION = f"{PREFIX}concurrent-runs"
"""Annotation of a template: "true" if runs of one repository may overlap."""

ONE_POD_ANNOTATION = f"{PREFIX}one-pod-entrypoint"
"""Annotation of a template: name of the template in it that runs all steps as containers of one pod."""

SKIP_REASON_OUTPUT = "skip-reason"
"""Output parameter of a step after which the others have nothing to do: the reason code; empty where they have."""

FAILING_TESTS_OUTPUT = "failing-tests"
"""Output parameter of a step that tests: JSON of a list of failing tests, each with package, test, path, line and message."""

REPORTED_ANNOTATION = f"{PREFIX}reported"
"""Annotation of a Workflow: what its git host was told of it."""

RESOURCES_ANNOTATION = f"{PREFIX}resources-parameters"
"""Annotation of a template: JSON of step → parameter that takes the `resources` of its main container, as JSON."""

INSTANCE_TYPES_ANNOTATION = f"{PREFIX}instance-types-parameters"
"""Annotation of a template: JSON of step → parameter that takes instance types of ECI, with commas between them."""

SPOT_ANNOTATION_PREFIX = "k8s.aliyun.com/eci-spot-"
"""Annotations of a pod by which ECI gives it spot capacity."""

ACS_SPOT_LABEL = "alibabacloud.com/compute-qos"
"""Label of a pod by which ACS gives it spot capacity."""

STARTED_BY_ANNOTATION = f"{PREFIX}started-by"
"""Annotation of a run that a person started: the user, as the API server names them."""

BECAUSE_ANNOTATION = f"{PREFIX}because"
"""Annotation of a run that a person started: why."""

CANCELLED_BY_ANNOTATION = f"{PREFIX}cancelled-by"
"""Annotation of a run that a person stopped: the user, as the API server names them."""

CANCELLED_BECAUSE_ANNOTATION = f"{PREFIX}cancelled-because"
"""Annotation of a run that a person stopped: why."""

SUPERSEDED_ANNOTATION = f"{PREFIX}superseded-by"
"""Annotation of a run that the controller stopped because of a newer commit: the commit."""

FAN_OUT_RUNS_LABEL = f"{PREFIX}fan-out-runs"
"""Label of a fan-out, the Workflow that starts the runs of an event: their number."""

FAN_OUT_LABEL = f"{PREFIX}fan-out"
"""Label of a run that a fan-out started: the fan-out's name."""

RERUN_LABEL = "workflows.argoproj.io/resubmitted-from-workflow"
"""Label of a run that repeats another one: the other's name. `argo resubmit` writes it as well."""

Role = Literal[
    "url", "directory", "branch", "tag", "image", "dockerfile", "commit", "ref", "sandbox", "publish", "paths"
]
"""Role of a template's parameter that hookline fills or checks."""

STOCK_PARAMETERS: Mapping[Role, str] = {
    "url": "repo_url",
    "directory": "repo_name",
    "branch": "target_branch",
    "tag": "container_tag",
    "image": "container_image",
    "dockerfile": "dockerfile",
}
"""Role → name of the parameter in ci-go-v1. A parameter of this name in another template has the same role, unless an annotation says otherwise."""
