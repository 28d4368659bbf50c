"""DMARC (RFC 9989) without I/O: policy records, the DNS tree walk, alignment."""
