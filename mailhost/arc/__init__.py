"""ARC (RFC 8617) without I/O: chains of seals read and verified, on the parts of `dkim`."""
