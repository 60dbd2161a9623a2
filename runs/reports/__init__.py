"""Reports: what a git host is told of a run, as the status of the run's commit."""
