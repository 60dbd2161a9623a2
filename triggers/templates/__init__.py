"""Facts about workflow templates that need no cluster."""
