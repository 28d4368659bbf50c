"""ARC (RFC 8617) without I/O: chains of seals verified and continued, on the parts of `dkim`."""
