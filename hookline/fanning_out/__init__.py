"""Fanning out: the pod that starts the runs of one event."""
