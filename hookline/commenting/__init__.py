"""Comment commands: what a person writes on a request to start, repeat, stop or approve its runs."""
