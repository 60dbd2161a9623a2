"""Reconciling: which runs should exist and do not, by what can be proven of the bus and the cluster; and making them."""
