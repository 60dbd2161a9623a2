"""Triggers: what runs. The Workflow of a pipeline, the template it refers to, and the rights it needs."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
