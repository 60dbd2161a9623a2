"""One module per command: its name is the command, and the overview shows the first line of its docstring."""
