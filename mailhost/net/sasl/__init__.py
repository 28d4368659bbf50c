"""SASL (RFC 4422), client and server side, for all protocols with logins. Each server mechanism is
one module."""
