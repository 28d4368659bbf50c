"""The MTA-STS policies of other domains: looked up, fetched, kept, and renewed (RFC 8461)."""
