"""MTA-STS: by which hosts and with which TLS a domain wants to get its mail (RFC 8461)."""
