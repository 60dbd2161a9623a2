"""Runs: this room watches the cluster, finds out how runs and steps ended, and reports it to listeners."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
