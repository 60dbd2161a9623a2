"""Runs: what was started. Watches the cluster, says how runs and steps ended, and tells whoever wants to know."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
