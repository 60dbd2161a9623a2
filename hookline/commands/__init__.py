"""One module a command: its name is the command, the first line of its docstring stands in the overview."""
