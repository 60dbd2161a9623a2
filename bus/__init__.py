"""The bus between event sources and Sensors: what is on it, and how it is reached. Neither pipelines nor Workflows are known here."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
