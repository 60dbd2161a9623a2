"""Documents: files that people write. This room reads their content, its positions, and its problems."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
