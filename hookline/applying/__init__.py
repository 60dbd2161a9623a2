"""Applying: what the objects of a plan change in a cluster, and in which order. Only `work` asks the cluster."""
