"""Certificates of a certificate authority that the host orders and renews itself by ACME (RFC 8555,
RFC 9773). Only `authority` and `tls_alpn` import the libraries for that, and they are imported only
when the operator has agreed."""
