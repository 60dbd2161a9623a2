"""Answers: what an event would do, and why; what a template is."""
