"""Measures what triggers start: runs, steps, caches and spot capacity, from Workflows and their pods to Prometheus."""
