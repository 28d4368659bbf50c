"""Values of mail: addresses, envelopes, content, statuses. No sockets, no Twisted."""
