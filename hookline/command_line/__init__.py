"""The command line: what commands share, and everything that touches files, the terminal and the cluster for them."""
