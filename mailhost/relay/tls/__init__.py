"""TLS with other hosts: the decision what is required, and what became of it on each connection."""
