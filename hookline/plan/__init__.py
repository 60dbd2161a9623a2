"""The plan: everything that a declaration means, checked, and written down as objects."""
