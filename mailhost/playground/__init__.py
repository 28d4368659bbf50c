"""A test network on loopback: DNS, hosts that are right, and hosts that are wrong in one way."""
