"""Checks of the network that this host needs: resolvers, routes, port 25, the clock."""
