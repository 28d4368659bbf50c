"""Aggregate reports of DMARC (RFC 9990): about domains of this host, and about those of others."""
