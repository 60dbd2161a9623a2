"""The exporter over HTTP: metrics, health, and pages for people."""
