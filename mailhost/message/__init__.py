"""Values that travel: addresses, envelopes, content, statuses. No sockets, no Twisted."""
