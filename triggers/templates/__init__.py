"""What is known of workflow templates without asking a cluster."""
