"""What a workflow template in a cluster is: whose text, how far it keeps the contract of ci-go-v1, what it lacks for events."""
