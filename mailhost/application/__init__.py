"""The composition root: settings become services. It alone (with cli/) knows everybody."""
