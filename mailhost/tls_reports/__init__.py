"""Reports about TLS between hosts (TLS-RPT, RFC 8460): about domains of this host, and about those
of others."""
