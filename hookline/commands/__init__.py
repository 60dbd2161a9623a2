"""One module per command; `hookline.cli` imports the one that runs."""
