"""The declaration: what hookline.yaml says, read from its files."""
