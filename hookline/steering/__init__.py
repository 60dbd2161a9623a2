"""Steering: what a person does to runs, with the person's own rights at the API server."""
