"""The DNS records that a domain of this host needs: a plan as values, and its comparison with what
the authoritative servers say."""
