"""Doctor: which hop of an event's way is broken. Checks are pure functions over facts; `questions` and the modules of readings ask for them."""
