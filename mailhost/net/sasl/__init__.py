"""SASL (RFC 4422): a mechanism a file, both sides, for every wire that logs in."""
