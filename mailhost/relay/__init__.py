"""Delivery to other hosts: next hop, connections, attempts and their outcomes."""
