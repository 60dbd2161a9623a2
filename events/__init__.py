"""Events: the hosts. How each one is received, how its payload reads as one canonical event, how it signs."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
