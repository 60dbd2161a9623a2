"""The words that hookline writes on Workflows and their pods, and that runs are recognised by."""

from typing import Literal

__all__ = ["ACS_SPOT_LABEL", "PREFIX", "SPOT_ANNOTATION_PREFIX", "SpotStrategy"]

SpotStrategy = Literal["SpotAsPriceGo", "SpotWithPriceLimit"]
"""How ECI bids for spot capacity: the market price, or at most a limit."""

PREFIX = "hookline.dev/"
"""Every label and annotation of hookline begins with it."""

SPOT_ANNOTATION_PREFIX = "k8s.aliyun.com/eci-spot-"
"""Annotations of a pod by which ECI gives it spot capacity."""

ACS_SPOT_LABEL = "alibabacloud.com/compute-qos"
"""Label of a pod by which ACS gives it spot capacity."""
