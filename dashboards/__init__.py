"""Dashboards: Grafana dashboards and alerting rules, made from the exporter's metrics. None are made yet."""

OWNER = "hookline"  # read by hookline.isolation: another distribution may own this folder name
