"""The words that hookline writes on Workflows and their pods, and that runs are recognised by."""

from collections.abc import Mapping
from typing import Literal

__all__ = [
    "ACS_SPOT_LABEL",
    "CONCURRENT_ANNOTATION",
    "PREFIX",
    "RUN_SERVICE_ACCOUNT",
    "SPOT_ANNOTATION_PREFIX",
    "STOCK_PARAMETERS",
    "Role",
    "SpotStrategy",
]

SpotStrategy = Literal["SpotAsPriceGo", "SpotWithPriceLimit"]
"""How ECI bids for spot capacity: the market price, or at most a limit."""

PREFIX = "hookline.dev/"
"""Every label and annotation of hookline begins with it."""

RUN_SERVICE_ACCOUNT = "hookline-run"
"""Whom the pods of a run are, where nobody says another account."""

CONCURRENT_ANNOTATION = f"{PREFIX}concurrent-runs"
"""Annotation of a template: "true" if runs of one repository may overlap."""

SPOT_ANNOTATION_PREFIX = "k8s.aliyun.com/eci-spot-"
"""Annotations of a pod by which ECI gives it spot capacity."""

ACS_SPOT_LABEL = "alibabacloud.com/compute-qos"
"""Label of a pod by which ACS gives it spot capacity."""

Role = Literal["url", "directory", "branch", "tag", "image", "dockerfile", "commit", "ref", "sandbox"]
"""Role of a template's parameter that hookline fills or checks."""

STOCK_PARAMETERS: Mapping[Role, str] = {
    "url": "repo_url",
    "directory": "repo_name",
    "branch": "target_branch",
    "tag": "container_tag",
    "image": "container_image",
    "dockerfile": "dockerfile",
}
"""Role → the name that the parameter has in ci-go-v1. A template that declares the name, and says nothing else, means the same by it."""
