"""SPF (RFC 7208) as a machine without I/O: `check.check_host` asks questions to DNS as values."""
