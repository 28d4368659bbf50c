"""SASL (RFC 4422), both sides, for all protocols: each mechanism has a file of its own."""
