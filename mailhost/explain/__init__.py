"""Explains how the host would treat a message, by its own rules, without sending anything.

An explanation runs the session, the reception, the chain of filters and the routing of the host, as
a client would meet them: there is no second copy of a rule that could differ. Only effects are left
out: filters give a preview, events are not emitted, and nothing is written, counted or connected
to, except for questions to DNS.
"""
