"""SASL (RFC 4422): a mechanism a file, for the server; and what a client needs for a smarthost."""
