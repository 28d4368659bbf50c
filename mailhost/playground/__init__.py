"""A test network on loopback: a DNS server, hosts without a fault, and hosts with one fault."""
