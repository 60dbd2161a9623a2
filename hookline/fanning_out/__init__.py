"""Fanning out: the pod of a fan-out creates the runs of its order, at its pace, each once."""
