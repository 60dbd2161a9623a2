"""hookline: the application. Reads hookline.yaml, composes the other rooms, answers on the command line."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
