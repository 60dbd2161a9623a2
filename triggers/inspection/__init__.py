"""Inspection of a workflow template: which published version it is, whether it keeps the contract of ci-go-v1, what it lacks for events."""
