"""Duties of the controller that need the declaration and the bus: what runs beside its reports while it leads."""
