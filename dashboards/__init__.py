"""Dashboards, recording rules and alerts, made from the exporter's metric declarations.

`out/` holds the dashboards as Grafana reads them; `make goldens` writes them again.
"""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
