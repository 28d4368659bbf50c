"""The client side of SMTP: connections of the relay and the proxy to other mail servers."""
