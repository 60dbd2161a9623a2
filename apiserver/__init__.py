"""The client of the API server: lists and watches of raw JSON, logs of pods, and the lease that makes one instance count."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
