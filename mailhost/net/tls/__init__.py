"""TLS on both sides: certificates, contexts, checks."""
