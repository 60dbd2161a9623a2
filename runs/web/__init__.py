"""The web server of what runs in the cluster: connections, passwords, TLS, probes. What it serves is an application's."""
