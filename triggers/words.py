"""Labels and annotations that hookline writes on Workflows and their pods, and by which it recognises runs."""

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
"""Prefix of every label and annotation of hookline."""

RUN_SERVICE_ACCOUNT = "hookline-run"
"""Default account of a run's pods."""

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
"""Role → name of the parameter in ci-go-v1. A parameter of this name in another template has the same role, unless an annotation says otherwise."""
