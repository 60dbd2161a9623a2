"""Doctor: which hop of an event's way is broken. Checks are pure functions over facts; `collecting` alone asks the cluster."""
