"""Sensors: the decision. Which pipelines an event starts, in the cluster and offline by the same program."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
