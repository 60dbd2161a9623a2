"""Documents: files that people write. What they say, where it stands, and what is wrong with it."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
