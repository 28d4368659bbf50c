"""Says what the host would do with a message, by its own rules, without sending anything.

An explanation runs the session, the reception, the chain of filters and the routing of the host, as
a client would meet them: there is no second copy of a rule that could say something else. Only
what would have an effect is left out: filters give a preview, events are not emitted, and nothing
is written, counted or connected to, except for questions to DNS.
"""
